//! The kinds of errors.

/// The kinds of [`Error`](crate::Error).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The socket is closed, or closing.
    Closed,
    /// Something took longer than it may.
    Timeout,
    /// The connection ended.
    Disconnected,
    /// The settings contradict each other or are out of range.
    Config,
    /// An address could not be read or looked up.
    Address,
    /// The system refused: bind, connect, read or write.
    Io,
    /// TLS refused.
    Tls,
    /// The peer broke the protocol.
    Protocol,
    /// The peer speaks a version or dialect that this socket does not.
    Version,
    /// A frame or message is larger than the limit.
    TooLarge,
    /// The identity is taken by another connection.
    IdentityInUse,
    /// The peer may not have the identity that it has chosen.
    IdentityRefused,
    /// Refused because a limit is reached.
    Limit,
    /// A middleware that is not ours failed.
    Layer,
    /// The payload could not be turned into text or JSON, or back.
    Payload,
    /// The peer did not handle the request: its handler failed, or it has none for it.
    Unhandled,
}

impl ErrorKind {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Closed => "the socket is closed",
            Self::Timeout => "timed out",
            Self::Disconnected => "the connection ended",
            Self::Config => "the settings cannot be used",
            Self::Address => "the address cannot be used",
            Self::Io => "input or output failed",
            Self::Tls => "tls failed",
            Self::Protocol => "the peer broke the protocol",
            Self::Version => "the peer speaks another version",
            Self::TooLarge => "too large",
            Self::IdentityInUse => "the identity is in use by another connection",
            Self::IdentityRefused => "the identity is refused",
            Self::Limit => "a limit is reached",
            Self::Layer => "a layer failed",
            Self::Payload => "the payload cannot be converted",
            Self::Unhandled => "the request was not handled",
        }
    }
}
