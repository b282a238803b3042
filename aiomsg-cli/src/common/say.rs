//! Lines on standard output.

use std::fmt;
use std::io::Write;

/// Prints a line, as `println!` does. Nobody who reads it any more is no reason
/// to end.
#[macro_export]
macro_rules! say {
    ($($what:tt)*) => {
        $crate::common::say::line(::std::format_args!($($what)*))
    };
}

pub(crate) fn line(what: fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{what}").and_then(|()| out.flush());
}
