//! The results of commands, on standard output.

use std::io::ErrorKind;

use serde::Serialize;

use super::failure::{Failure, Outcome};
use super::said::said;
use super::say::write;

/// Writes one object as one line to standard output.
pub(crate) fn print_line(value: &impl Serialize) -> Outcome {
    let mut line = Vec::new();
    add_line(value, &mut line)?;
    print(&line)
}

/// Writes text to standard output.
pub(crate) fn print_text(text: &str) -> Outcome {
    print(text.as_bytes())
}

/// Values as JSON, each one on a line of its own.
#[cfg(feature = "spool")]
pub(crate) fn lines<T: Serialize>(values: impl Iterator<Item = T>) -> Outcome<Vec<u8>> {
    let mut lines = Vec::new();
    for value in values {
        add_line(&value, &mut lines)?;
    }
    Ok(lines)
}

fn add_line(value: &impl Serialize, lines: &mut Vec<u8>) -> Outcome {
    serde_json::to_writer(&mut *lines, value).map_err(|error| {
        Failure::failed(format!("the result has no form in json: {}", said(&error)))
    })?;
    lines.push(b'\n');
    Ok(())
}

/// A reader that has left is no error: the exit code is enough.
fn print(bytes: &[u8]) -> Outcome {
    print_page(bytes).map(drop)
}

/// Writes a part of the output. Returns whether somebody reads it.
pub(crate) fn print_page(bytes: &[u8]) -> Outcome<bool> {
    match write(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::failed(format!(
            "standard output cannot be written: {}",
            said(&error)
        ))),
    }
}
