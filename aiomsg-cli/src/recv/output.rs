//! Where messages are written, and how.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::SystemTime;

use aiomsg::Delivery;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};

use crate::common::closed::Closed;
use crate::common::failure::{Failure, Outcome};
use crate::common::headers::Object;
use crate::common::identity;
use crate::common::said::said;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Lines,
    /// Lines on a terminal, which must not obey bytes of a message.
    Escaped,
    LengthPrefixed,
    Raw,
    Json,
}

pub(crate) struct Output {
    to: BufWriter<Box<dyn AsyncWrite + Send + Unpin>>,
    format: Format,
    closed: Closed,
    /// The file to replace, if it has a length.
    old: Option<File>,
}

/// How much is written at once.
const BUFFER: usize = 256 << 10;

impl Output {
    /// The output, and whether it is a terminal.
    pub(crate) async fn open(file: Option<&Path>, format: Format) -> Outcome<(Self, bool)> {
        let mut is_screen = false;
        let mut old = None;
        let (to, closed): (Box<dyn AsyncWrite + Send + Unpin>, _) = match file {
            Some(path) => {
                let wrong = |error: io::Error| {
                    Failure::usage(format!("{}: {}", path.display(), said(&error)))
                };
                let (file, same) = open(path).await.map_err(wrong)?;
                old = same;
                (Box::new(file), Closed::never())
            }
            None => {
                is_screen = io::stdout().is_terminal();
                (Box::new(tokio::io::stdout()), Closed::of_stdout())
            }
        };
        let format = match format {
            Format::Lines if is_screen => Format::Escaped,
            format => format,
        };
        let to = BufWriter::with_capacity(BUFFER, to);
        let output = Self {
            to,
            format,
            closed,
            old,
        };
        Ok((output, is_screen))
    }

    /// Drops the old contents of the file. Before that, the file is unchanged.
    pub(super) async fn replace(&mut self) -> Outcome {
        let Some(old) = self.old.take() else {
            return Ok(());
        };
        let emptied = old.set_len(0).await;
        emptied.map_err(|error| {
            Failure::failed(format!("the output cannot be written: {}", said(&error)))
        })
    }

    /// Whether messages are lines.
    pub(crate) fn has_lines(&self) -> bool {
        matches!(self.format, Format::Lines | Format::Escaped)
    }

    /// Writes a message, or the object that stands for it.
    pub(crate) async fn write<T: Serialize>(
        &mut self,
        payload: &[u8],
        object: impl FnOnce() -> T,
    ) -> io::Result<()> {
        match self.format {
            Format::Raw => self.to.write_all(payload).await,
            Format::Lines => {
                self.to.write_all(payload).await?;
                self.to.write_all(b"\n").await
            }
            Format::Escaped => {
                let mut line = escaped(payload);
                line.push('\n');
                self.to.write_all(line.as_bytes()).await
            }
            Format::LengthPrefixed => {
                // No message is as large as 4 GiB.
                self.to.write_u32(payload.len() as u32).await?;
                self.to.write_all(payload).await
            }
            Format::Json => {
                let mut line = serde_json::to_vec(&object())?;
                line.push(b'\n');
                self.to.write_all(&line).await
            }
        }
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.to.flush().await
    }

    /// Ready when nobody reads it any more, where that can be known.
    pub(crate) async fn closed(&mut self) {
        self.closed.wait().await;
    }
}

/// Opens a file with its contents; once more, if it is to be replaced.
async fn open(path: &Path) -> io::Result<(File, Option<File>)> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false);
    let file = file.open(path).await?;
    // A pipe and a device have no length.
    let old = match file.metadata().await?.is_file() {
        true => Some(file.try_clone().await?),
        false => None,
    };
    Ok((file, old))
}

/// Text as it is, and everything else as `\xNN`.
pub(crate) fn escaped(payload: &[u8]) -> String {
    let mut shown = String::with_capacity(payload.len());
    for chunk in payload.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\t' => shown.push(char),
                // Those that a terminal acts upon, or that change how text runs.
                _ if char.is_control() || is_direction(char) => {
                    let mut bytes = [0; 4];
                    hex(char.encode_utf8(&mut bytes).as_bytes(), &mut shown);
                }
                _ => shown.push(char),
            }
        }
        hex(chunk.invalid(), &mut shown);
    }
    shown
}

fn is_direction(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn hex(bytes: &[u8], shown: &mut String) {
    for byte in bytes {
        shown.push_str(&format!("\\x{byte:02x}"));
    }
}

/// A message as JSON.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    time: String,
    from: String,
    size: usize,
    /// If the sender wants it acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Object<'a>>,
    #[serde(flatten)]
    content: Content<'a>,
}

impl<'a> Line<'a> {
    pub(super) fn of(message: &'a Delivery) -> Self {
        Self {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            from: identity::show(message.from()),
            size: message.payload().len(),
            id: message.id().map(|id| id.to_string()),
            headers: Object::of(message.headers()),
            content: Content::of(message.payload()),
        }
    }
}

/// A payload as JSON: text, or base64 if it is not UTF-8.
#[derive(Debug, Serialize)]
pub(crate) struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl<'a> Content<'a> {
    pub(crate) fn of(payload: &'a [u8]) -> Self {
        let text = std::str::from_utf8(payload).ok();
        Self {
            text,
            base64: text.is_none().then(|| STANDARD.encode(payload)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_tell_the_terminal_what_to_do() {
        assert_eq!(escaped("tab\tand é".as_bytes()), "tab\tand é");
        assert_eq!(escaped(b"\x1b[2J\xff\n"), "\\x1b[2J\\xff\\x0a");
        assert_eq!(
            escaped("\u{9b}\u{202e}".as_bytes()),
            "\\xc2\\x9b\\xe2\\x80\\xae"
        );
    }
}
