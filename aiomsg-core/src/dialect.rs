//! The two languages of the wire.

use std::fmt;

/// Which of the two aiomsg wires a connection speaks.
///
/// `docs/protocol.md` describes both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// The typed protocol, version 1: PyPI `aiomsg` 2026.7.1 and its ports to
    /// other languages.
    V1,
    /// The first protocol: PyPI `aiomsg` 2019.12.1 and older.
    V2019,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2019 => "2019",
        })
    }
}
