//! The settings in a file.

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use aiomsg::{Endpoint, Identity};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::args::{AtLeastOnceArg, ModeArg, endpoint};
use super::limits::Limits;
use crate::common::failure::{Failure, Outcome};
use crate::common::identity;
use crate::common::said::said;
use crate::common::socket::DialectArg;
use crate::common::text::Time;
use crate::common::tls::TlsFiles;
use crate::http::address::{self, HttpAddress};

/// All that a file can say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) mode: Option<ModeArg>,
    pub(super) replies: Option<bool>,
    pub(super) at_least_once: Option<AtLeastOnceArg>,
    pub(super) in_flight: Option<usize>,
    pub(super) drain_deadline: Option<Time>,
    pub(super) frontend: SideTable,
    pub(super) backend: SideTable,
    pub(super) observe: ObserveTable,
    pub(super) limits: Limits,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SideTable {
    pub(super) bind: Vec<EndpointText>,
    pub(super) connect: Vec<EndpointText>,
    pub(super) identity: Option<IdentityText>,
    pub(super) dialect: Option<DialectText>,
    pub(super) tls: TlsFiles,
    pub(super) limits: Limits,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ObserveTable {
    pub(super) metrics: Option<AddressText>,
    pub(super) dashboard: Option<AddressText>,
    pub(super) allow_control: Option<bool>,
    pub(super) allow_host: Option<Vec<String>>,
    pub(super) ready_consumers: Option<usize>,
}

/// A type whose value is text in a file, read as on the command line.
macro_rules! text {
    ($name:ident, $type:ty, $parse:expr) => {
        #[derive(Debug, Clone)]
        pub(super) struct $name(pub(super) $type);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text($parse)).map(Self)
            }
        }
    };
}

/// Reads text within the visit, which is when the reader knows where it is.
struct Text<T>(fn(&str) -> Result<T, String>);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text in quotes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.0(text).map_err(E::custom)
    }
}

text!(EndpointText, Endpoint, endpoint);
text!(IdentityText, Identity, identity::parse);
text!(AddressText, HttpAddress, address::parse);
text!(DialectText, DialectArg, dialect);

fn dialect(text: &str) -> Result<DialectArg, String> {
    let found = <DialectArg as clap::ValueEnum>::from_str(text, false);
    found.map_err(|_| format!("\"{text}\" is not a dialect: expected any, v1 or 2019"))
}

/// The most bytes of a file.
const LARGEST: u64 = 1 << 20;

impl File {
    /// Reads a file. What is wrong with it is named with its line.
    pub(super) fn read(path: &Path) -> Outcome<Self> {
        let wrong = |what: String| Failure::usage(format!("{}: {what}", path.display()));
        let mut text = String::new();
        // A device has no end, and a reload is not to end a proxy that runs.
        std::fs::File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
            .map_err(|error| wrong(format!("the file cannot be read: {}", said(&error))))?;
        if text.len() as u64 > LARGEST {
            return Err(wrong(format!(
                "the file has more than {LARGEST} bytes (1 MiB), and is no file of settings"
            )));
        }
        Self::parse(&text).map_err(|wrong| Failure::usage(format!("{}:{wrong}", path.display())))
    }

    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        toml::from_str(text).map_err(|error| Wrong {
            line: line(text, error.span()),
            what: what(error.message()),
        })
    }
}

/// What is wrong with a file, and where.
#[derive(Debug)]
pub(super) struct Wrong {
    line: usize,
    what: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

fn line(text: &str, span: Option<Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start.min(text.len()));
    1 + text.as_bytes()[..start]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}

/// One line, without an end that says what was looked for in vain.
fn what(message: &str) -> String {
    let lines = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_has_no_end_is_not_read_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let fill = |len: usize| std::fs::write(file.path(), " ".repeat(len)).unwrap();
        fill(1 << 20);
        assert!(File::read(file.path()).is_ok());
        fill((1 << 20) + 1);
        let error = File::read(file.path()).unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
        assert!(error.contains(file.path().to_str().unwrap()), "{error}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, words) in [
            (
                "mode = \"publsh\"",
                1,
                "expected `round-robin` or `publish`",
            ),
            (
                "\nfrontends = 1",
                2,
                "unknown field `frontends`, expected one of",
            ),
            (
                "[frontend]\nbind = [\n\"tcp://a:1\",\n\"tcp://b\"]",
                4,
                "the port is missing",
            ),
            ("[frontend]\nbind = \"tcp://a:1\"", 2, "expected a sequence"),
            (
                "[frontend]\nidentity = \"hex:0\"",
                2,
                "pairs of hexadecimal",
            ),
            ("[backend.limits]\nack-timeout = 5", 2, "a time in quotes"),
            (
                "[backend.limits]\nack-timeout = \"5\"",
                2,
                "\"5\" is not a time",
            ),
            (
                "[limits]\nqueue-bytes = \"1 piece\"",
                2,
                "\"1 piece\" is not a size",
            ),
            ("[limits]\nqueue-bytes = -1", 2, "expected a size"),
            (
                "[observe]\nmetrics = \"x:y\"",
                2,
                "\"x:y\" is not an address",
            ),
            (
                "[frontend]\ndialect = \"2026\"",
                2,
                "expected any, v1 or 2019",
            ),
            ("[frontend]\nbind = [\"mem://x\"]", 2, "within one process"),
            ("[frontend\n", 1, ""),
            ("mode = \"publish\"\nmode = \"publish\"", 2, "duplicate key"),
        ] {
            let wrong = File::parse(text).unwrap_err().to_string();
            assert!(wrong.starts_with(&format!("{line}: ")), "{text}: {wrong}");
            assert!(wrong.contains(words), "{text}: {wrong}");
            assert!(!wrong.contains('\n'), "{text}: {wrong}");
        }
    }
}
