//! The results of commands, on standard output.

use std::io::ErrorKind;

use serde::Serialize;

use super::failure::{Failure, Outcome};
use super::said::said;
use super::say::write;

/// Writes one object as one line to standard output.
pub(crate) fn print_line(value: &impl Serialize) -> Outcome {
    let mut line = serde_json::to_vec(value).map_err(|error| {
        Failure::failed(format!("the result has no form in json: {}", said(&error)))
    })?;
    line.push(b'\n');
    print(&line)
}

/// Writes text to standard output.
pub(crate) fn print_text(text: &str) -> Outcome {
    print(text.as_bytes())
}

/// A reader that has left is no error: the exit code is enough.
fn print(bytes: &[u8]) -> Outcome {
    match write(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format!(
            "standard output cannot be written: {}",
            said(&error)
        ))),
        _ => Ok(()),
    }
}
