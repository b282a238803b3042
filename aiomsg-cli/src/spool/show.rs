//! `aiomsg spool show`: one message of a store.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use aiomsg_spool::inspect::{Message, Part};
use clap::Args;

use super::row::{Row, age, name, size, time};
use super::{StoreArgs, open};
use crate::common::failure::{Failure, Outcome};
use crate::common::{identity, print};
use crate::recv::escaped;

/// Shows one message of a store
///
/// A payload is shown as text, or as hexadecimal digits if it is not UTF-8: the first
/// 4 KiB of it. --raw and --json write it whole.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The place of the message, as ls lists it.
    #[arg(value_name = "PLACE")]
    place: u64,
    /// Shows the payload as hexadecimal digits.
    #[arg(long, conflicts_with_all = ["raw", "json"])]
    hex: bool,
    /// Writes the bytes of the payload, and nothing else.
    #[arg(long, conflicts_with = "json")]
    raw: bool,
}

/// The bytes of a payload that are shown.
const SHOWN: usize = 4096;

/// The bytes of a line of digits.
const LINE: usize = 16;

pub(super) fn run(args: &ShowArgs) -> Outcome {
    let dir = &args.store.dir;
    let found = open::to_read(dir)?.message(args.place);
    let found = found.map_err(|error| open::failure(dir, &error))?;
    let Some((part, message)) = found else {
        return Err(Failure::failed(format!(
            "{}: no message has place {}: it was acknowledged, requeued or deleted, or never came",
            dir.display(),
            args.place
        )));
    };
    let is_read = match (args.store.json, args.raw) {
        (true, _) => print::print_line(&Row::with_payload(part, &message)),
        (false, true) => print::print_page(&message.payload).map(drop),
        (false, false) => print::print_text(&text(part, &message, args.hex)),
    };
    is_read?;
    match message.is_intact {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "{}: the bytes at place {} are not those that were stored",
            dir.display(),
            args.place
        ))),
    }
}

fn text(part: Part, message: &Message, as_hex: bool) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<10} {value}");
    };
    let ago = |at| format!("{}, {} ago", time(at), age(at));
    line("place", &format!("{}, {}", message.place, name(part)));
    let id = message.id.map(|id| id.to_string());
    line("id", id.as_deref().unwrap_or("damaged"));
    line("came", &ago(message.at));
    let peer = message.peer.as_ref().map(identity::show);
    line("peer", peer.as_deref().unwrap_or("-"));
    line("tries", &message.tries.to_string());
    if let Some(death) = &message.death {
        line("set aside", &ago(death.at));
        line("reason", &escaped(death.reason.as_bytes()));
    }
    line("size", &size(message.size).to_string());
    for (name, value) in &message.headers {
        let value = escaped(value.as_bytes());
        let _ = writeln!(text, "{:<10} {name}: {value}", "header");
    }
    text.push('\n');
    text.push_str(&payload(&message.payload, as_hex));
    text
}

fn payload(payload: &[u8], as_hex: bool) -> String {
    let shown = &payload[..payload.len().min(SHOWN)];
    let mut text = match std::str::from_utf8(shown) {
        Ok(text) if !as_hex => lines(text),
        // It may be cut within a character.
        Err(error) if !as_hex && error.error_len().is_none() && shown.len() < payload.len() => {
            lines(&String::from_utf8_lossy(&shown[..error.valid_up_to()]))
        }
        _ => digits(shown),
    };
    let rest = payload.len() - shown.len();
    if rest > 0 {
        let _ = writeln!(text, "… and {rest} bytes more: --raw writes all");
    }
    text
}

/// A terminal must not obey bytes of a message.
fn lines(text: &str) -> String {
    let is_screen = io::stdout().is_terminal();
    let lines = text.lines().map(|line| match is_screen {
        true => escaped(line.as_bytes()),
        false => line.to_owned(),
    });
    lines.map(|line| line + "\n").collect()
}

fn digits(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (at, line) in bytes.chunks(LINE).enumerate() {
        let digits: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = line.iter().map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        });
        let _ = writeln!(
            text,
            "{:08x}  {:<47}  {}",
            at * LINE,
            digits.join(" "),
            shown.collect::<String>()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_digits_in_lines() {
        let shown = digits(b"0123456789abcdef\x00~");
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(
            lines[0],
            "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef"
        );
        assert_eq!(lines[1].split_whitespace().last(), Some(".~"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "é".repeat(SHOWN);
        let shown = payload(&text.as_bytes()[1..], false);
        // It begins within one, so it is no text.
        assert!(shown.starts_with("00000000  a9"), "{shown}");
        let shown = payload(format!("x{text}").as_bytes(), false);
        assert!(shown.starts_with("xé"), "{shown}");
        assert!(shown.ends_with("bytes more: --raw writes all\n"), "{shown}");
    }
}
