//! What is said on standard output and standard error: it is no error when nobody
//! listens.

use std::fmt::Display;
use std::io::{self, Write};

/// Says something on standard error: a line, in one piece, since other programs of
/// a pipe write there too.
pub(crate) fn say(line: impl Display) {
    let line = format!("{line}\n");
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Tells how it goes: a line on standard output, for whoever reads it. That nobody
/// does any more is no reason to end.
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
