//! Lines on standard output and standard error. It is no error when nobody reads
//! them.

use std::fmt::Display;
use std::io::{self, Write};

/// Says something on standard error: a line, in one piece, since other programs of
/// a pipe write there too.
pub(crate) fn say(line: impl Display) {
    let line = format!("{line}\n");
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Writes a line about the progress to standard output. A closed output is no reason to
/// end.
pub(crate) fn tell(line: impl Display) {
    let _ = out(line);
}

/// The same, for those to whom it is one.
pub(crate) fn out(line: impl Display) -> io::Result<()> {
    write(format!("{line}\n").as_bytes())
}

pub(super) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}
