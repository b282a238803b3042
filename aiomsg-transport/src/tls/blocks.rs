//! What is in a PEM file, and what is wrong with it, in words that hold nothing of
//! its content: it may be a key.

use std::fmt;

/// The blocks of a PEM file.
#[derive(Debug)]
pub(super) struct Blocks {
    labels: Vec<String>,
    encrypted: bool,
}

/// Labels longer than this, or with other letters, are no labels.
const LONGEST_LABEL: usize = 64;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// What a certificate is labelled with.
pub(super) const CERTIFICATE: &str = "CERTIFICATE";

/// The labels of private keys that are understood.
const KEYS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

/// What may stand beside them and says nothing that is needed.
const HARMLESS: [&str; 2] = ["EC PARAMETERS", "DH PARAMETERS"];

impl Blocks {
    /// The blocks, if the text as a whole is in order.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, &'static str> {
        match bytes {
            [] => return Err("it is empty"),
            [0xef, 0xbb, 0xbf, ..] => {
                return Err("it begins with a byte order mark: save it as plain text");
            }
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                return Err("it is utf-16 text: save it as plain text");
            }
            // A sequence, with bytes that no text has.
            [0x30, ..] if bytes.iter().any(|byte| *byte < b'\t') => {
                return Err("it is der and not pem: convert it with openssl, -inform der");
            }
            _ if bytes.trim_ascii().is_empty() => return Err("it is empty"),
            _ => {}
        }
        let mut blocks = Self {
            labels: Vec::new(),
            encrypted: false,
        };
        let mut within: Option<String> = None;
        for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = String::from_utf8_lossy(line.trim_ascii());
            if let Some(rest) = line.strip_prefix(BEGIN) {
                let label = label(rest).ok_or(LINE_BREAKS)?;
                if within.replace(label.to_owned()).is_some() {
                    return Err("it is not well-formed pem: a block in it has no end");
                }
                blocks.encrypted |= label == "ENCRYPTED PRIVATE KEY";
                blocks.labels.push(label.to_owned());
            } else if let Some(rest) = line.strip_prefix("-----END ") {
                match (within.take(), label(rest)) {
                    (_, None) => return Err(LINE_BREAKS),
                    (Some(begun), Some(ended)) if begun == ended => {}
                    _ => {
                        return Err(
                            "it is not well-formed pem: the beginning and the end of a block do not match",
                        );
                    }
                }
            } else if line.contains("-----BEGIN") || line.contains("-----END") {
                return Err(LINE_BREAKS);
            } else if line.starts_with("Proc-Type:") && line.contains("ENCRYPTED") {
                blocks.encrypted = true;
            }
        }
        match within {
            Some(_) => Err("it is not well-formed pem: a block in it has no end"),
            None if blocks.labels.is_empty() => Err("it is not pem: there is no block in it"),
            None => Ok(blocks),
        }
    }

    /// Whether a private key in it is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    pub(super) fn has_certificate(&self) -> bool {
        self.labels.iter().any(|label| label == CERTIFICATE)
    }

    pub(super) fn has_key(&self) -> bool {
        self.labels
            .iter()
            .any(|label| KEYS.contains(&label.as_str()))
    }

    /// The blocks that say nothing to us.
    pub(super) fn not_understood(&self) -> impl Iterator<Item = &str> {
        let known = |label: &str| {
            label == CERTIFICATE || KEYS.contains(&label) || HARMLESS.contains(&label)
        };
        let labels = self.labels.iter().map(String::as_str);
        labels.filter(move |label| !known(label))
    }
}

const LINE_BREAKS: &str = "the line breaks are missing: the first and the last line of a block \
                           stand by themselves";

/// The label in the rest of a line that begins or ends a block.
fn label(rest: &str) -> Option<&str> {
    let label = rest.strip_suffix(DASHES)?;
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    (label.len() <= LONGEST_LABEL && label.bytes().all(fits)).then_some(label)
}

/// The labels, for a person.
impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut labels = self.labels.clone();
        labels.dedup();
        f.write_str(&labels.join(", ").to_lowercase())
    }
}
