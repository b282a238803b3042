//! What is said on standard output and standard error: nothing of it fails when
//! nobody listens.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

/// Says something on standard error: a line, in one piece, since other programs of
/// a pipe write there too.
pub(crate) fn say(line: impl Display) {
    let line = format!("{line}\n");
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Writes one object as one line. A reader that has left is no error: the exit
/// code says what there is to say.
pub(crate) fn print_line(value: &impl Serialize) {
    if let Ok(mut line) = serde_json::to_vec(value) {
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
}

/// Writes text, in the same way.
pub(crate) fn print_text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
