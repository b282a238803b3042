//! Lines on standard output.

use std::fmt;
use std::io::Write;

/// Prints a line, as `println!` does. That nobody reads it any more is no reason
/// to end.
#[macro_export]
macro_rules! outln {
    ($($what:tt)*) => {{
        let _ = $crate::common::outln::line(::std::format_args!($($what)*));
    }};
}

/// The same, for those to whom it is one.
pub(crate) fn line(what: fmt::Arguments<'_>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what}").and_then(|()| out.flush())
}
