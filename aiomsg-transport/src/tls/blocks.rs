//! The blocks of PEM text, and the faults of other text.
//!
//! The text may contain a key, so no error repeats any of it: a fault names its line, and
//! at most the label of a block. The errors of the PEM parser do repeat text, and never
//! leave this file.

use std::fmt;

use tokio_rustls::rustls::pki_types::pem::{PemObject, SectionKind};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// The longest label that is shown.
const LABEL: usize = 40;

/// One block, from its BEGIN line to its END line.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    label: &'a [u8],
    /// The text, with the lines of the markers.
    text: &'a [u8],
    /// The line of its beginning, counted from 1.
    pub(super) line: usize,
}

/// The contents of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    PrivateKey,
    /// A private key under a passphrase.
    Encrypted,
    PublicKey,
    /// Parameters that tools write beside a key, and that the key contains as well.
    Parameters,
    /// An unknown kind of block.
    Other,
}

/// Why text is not PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Empty,
    ByteOrderMark,
    /// Text where two files were joined.
    ByteOrderMarkAt(usize),
    Utf16,
    Binary,
    NoBlock,
    Indented(usize),
    Dashes(usize),
    LineBreaksMissing(usize),
    NoEnd(usize),
    NoBegin(usize),
    NotBase64(usize),
}

/// Returns all blocks of the text, at least one.
pub(super) fn read(text: &[u8]) -> Result<Vec<Block<'_>>, Problem> {
    of_whole_text(text)?;
    let mut blocks = Vec::new();
    let mut open: Option<(usize, usize, &[u8])> = None;
    for (number, start, line) in lines(text) {
        let trimmed = line.trim_ascii();
        let marker = match () {
            () if trimmed.starts_with(BEGIN) => BEGIN,
            () if trimmed.starts_with(END) => END,
            // Commented out.
            () if open.is_none() && trimmed.starts_with(b"#") => continue,
            () if holds(line, BEGIN) || holds(line, END) => {
                return Err(match line.starts_with(MARK) {
                    true => Problem::ByteOrderMarkAt(number),
                    false => Problem::LineBreaksMissing(number),
                });
            }
            () if is_damaged(trimmed) => return Err(Problem::Dashes(number)),
            () => continue,
        };
        let label = label(trimmed, marker).ok_or_else(|| {
            match holds(&trimmed[marker.len()..], DASHES) {
                true => Problem::LineBreaksMissing(number),
                false => Problem::Dashes(number),
            }
        })?;
        if trimmed.len() != line.trim_ascii_end().len() {
            return Err(Problem::Indented(number));
        }
        match (marker == BEGIN, open.take()) {
            (true, None) => open = Some((number, start, label)),
            (true, Some((began, ..))) => return Err(Problem::NoEnd(began)),
            (false, None) => return Err(Problem::NoBegin(number)),
            (false, Some((began, _, first))) if first != label => {
                return Err(Problem::NoEnd(began));
            }
            (false, Some((began, from, label))) => blocks.push(Block {
                label,
                text: &text[from..start + line.len()],
                line: began,
            }),
        }
    }
    match open {
        Some((began, ..)) => Err(Problem::NoEnd(began)),
        None if blocks.is_empty() => Err(Problem::NoBlock),
        None => Ok(blocks),
    }
}

fn of_whole_text(text: &[u8]) -> Result<(), Problem> {
    if text.trim_ascii().is_empty() {
        return Err(Problem::Empty);
    }
    if text.starts_with(MARK) {
        return Err(Problem::ByteOrderMark);
    }
    // Without its mark, every other byte of it is zero.
    let zeros = |from: usize| {
        text.iter()
            .skip(from)
            .step_by(2)
            .take(8)
            .all(|&byte| byte == 0)
    };
    let marked = text.starts_with(&[0xFF, 0xFE]) || text.starts_with(&[0xFE, 0xFF]);
    if marked || text.len() >= 16 && (zeros(0) != zeros(1)) {
        return Err(Problem::Utf16);
    }
    let marker = holds(text, BEGIN) || holds(text, END);
    // DER is a sequence, with its length in the bytes that follow.
    let der = text.len() > 2 && text[0] == 0x30 && !text[1].is_ascii();
    match !marker && (der || text.contains(&0)) {
        true => Err(Problem::Binary),
        false => Ok(()),
    }
}

/// Each line with its number and where it starts. As for the parser, a line
/// ends at either of the two characters.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, usize, &[u8])> {
    let (mut number, mut start) = (1, 0);
    text.split(|&byte| matches!(byte, b'\n' | b'\r'))
        .map(move |line| {
            let this = (number, start, line);
            start += line.len() + 1;
            // "\r\n" is one line break.
            if text.get(start - 1..=start) != Some(b"\r\n") {
                number += 1;
            }
            this
        })
}

fn label<'a>(line: &'a [u8], marker: &[u8]) -> Option<&'a [u8]> {
    let label = line.strip_prefix(marker)?.strip_suffix(DASHES)?;
    (!holds(label, DASHES)).then_some(label)
}

/// Whether a line is a mistyped BEGIN or END, with fewer dashes, or with those of a text
/// processor.
fn is_damaged(line: &[u8]) -> bool {
    let dashes = ["--", "\u{2010}", "\u{2012}", "\u{2013}", "\u{2014}"];
    let dashed = dashes.iter().any(|dash| line.starts_with(dash.as_bytes()));
    dashed && (holds(line, b"BEGIN ") || holds(line, b"END "))
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

// ===== impl Block =====

impl Block<'_> {
    pub(super) fn kind(&self) -> Kind {
        match self.label {
            b"CERTIFICATE" => Kind::Certificate,
            b"ENCRYPTED PRIVATE KEY" => Kind::Encrypted,
            b"PRIVATE KEY" | b"RSA PRIVATE KEY" | b"EC PRIVATE KEY" => {
                // The older form says it in a header.
                match lines(self.text).any(|(_, _, line)| {
                    line.starts_with(b"Proc-Type:") && holds(line, b"ENCRYPTED")
                }) {
                    true => Kind::Encrypted,
                    false => Kind::PrivateKey,
                }
            }
            b"PUBLIC KEY" | b"RSA PUBLIC KEY" => Kind::PublicKey,
            b"EC PARAMETERS" | b"DH PARAMETERS" => Kind::Parameters,
            _ => Kind::Other,
        }
    }

    /// Returns its contents, with the kind that the parser assigns.
    pub(super) fn decode(&self) -> Result<(SectionKind, Vec<u8>), Problem> {
        let wrong = Problem::NotBase64(self.line);
        let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(self.text);
        match sections.next() {
            Some(Ok((_, der))) if der.is_empty() => Err(wrong),
            Some(Ok(section)) => Ok(section),
            _ => Err(wrong),
        }
    }

    /// Returns its label, if that is one: words in capitals.
    pub(super) fn label(&self) -> Option<&str> {
        let plain = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'#');
        let shown = self.label.len() <= LABEL && self.label.iter().all(plain);
        shown.then(|| str::from_utf8(self.label).ok()).flatten()
    }
}

// ===== impl Problem =====

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::ByteOrderMark => {
                f.write_str("it begins with a byte order mark; save it as plain text without that")
            }
            Self::ByteOrderMarkAt(line) => write!(
                f,
                "it is not well-formed pem: line {line} begins with a byte order mark"
            ),
            Self::Dashes(line) => write!(
                f,
                "it is not well-formed pem: the dashes at line {line} are damaged; five of them, \
                 \"-----\", stand before and behind a BEGIN or END"
            ),
            Self::Utf16 => f.write_str("it is utf-16 text; save it as plain ascii or utf-8 text"),
            Self::Binary => f.write_str(
                "it is binary, such as der or pkcs #12, and not pem; convert it, as with \
                 \"openssl x509 -inform der\" or \"openssl pkey -inform der\"",
            ),
            Self::NoBlock => f.write_str("it is not pem: no line of it begins a block"),
            Self::Indented(line) => write!(f, "it is not well-formed pem: line {line} is indented"),
            Self::LineBreaksMissing(line) => write!(
                f,
                "it is not well-formed pem: the line breaks are missing at line {line}; BEGIN \
                 and END stand in lines of their own"
            ),
            Self::NoEnd(line) => write!(
                f,
                "it is not well-formed pem: the block that begins at line {line} has no end"
            ),
            Self::NoBegin(line) => write!(
                f,
                "it is not well-formed pem: the block that ends at line {line} has no begin"
            ),
            Self::NotBase64(line) => write!(
                f,
                "it is not well-formed pem: the block that begins at line {line} is damaged; its \
                 content is not base64"
            ),
        }
    }
}
