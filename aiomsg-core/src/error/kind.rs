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
    /// All kinds, in the order of the enum. A later version may have more.
    pub const ALL: &'static [Self] = &[
        Self::Closed,
        Self::Timeout,
        Self::Disconnected,
        Self::Config,
        Self::Address,
        Self::Io,
        Self::Tls,
        Self::Protocol,
        Self::Version,
        Self::TooLarge,
        Self::IdentityInUse,
        Self::IdentityRefused,
        Self::Limit,
        Self::Layer,
        Self::Payload,
        Self::Unhandled,
    ];

    /// A short name that stays the same, for labels of metrics and for programs that read
    /// logs. The text of an error is for people.
    ///
    /// ```
    /// use aiomsg_core::ErrorKind;
    ///
    /// assert_eq!(ErrorKind::IdentityInUse.name(), "identity_in_use");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Disconnected => "disconnected",
            Self::Config => "config",
            Self::Address => "address",
            Self::Io => "io",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Version => "version",
            Self::TooLarge => "too_large",
            Self::IdentityInUse => "identity_in_use",
            Self::IdentityRefused => "identity_refused",
            Self::Limit => "limit",
            Self::Layer => "layer",
            Self::Payload => "payload",
            Self::Unhandled => "unhandled",
        }
    }

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
