//! What is said on standard output and standard error: it is no error when nobody
//! listens.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use super::failure::{Failure, Outcome};

/// Says something on standard error: a line, in one piece, since other programs of
/// a pipe write there too.
pub(crate) fn say(line: impl Display) {
    let line = format!("{line}\n");
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Writes one object as one line to standard output.
pub(crate) fn print_line(value: &impl Serialize) -> Outcome {
    let mut line = serde_json::to_vec(value)
        .map_err(|error| Failure::failed(format!("the result has no form in json: {error}")))?;
    line.push(b'\n');
    print(&line)
}

/// Writes text to standard output.
pub(crate) fn print_text(text: &str) -> Outcome {
    print(text.as_bytes())
}

/// A reader that has left is no error: the exit code says what there is to say.
fn print(bytes: &[u8]) -> Outcome {
    match write(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!(
            "standard output cannot be written: {error}"
        ))),
        _ => Ok(()),
    }
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

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}
