//! The error of every socket operation.

use std::error::Error as StdError;
use std::fmt;

use crate::{Certificate, Endpoint, Identity, Outbound};

/// Any error: the same type as `tower::BoxError`, the error of tower's own middleware.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong in a socket, and where.
///
/// The error is opaque, so that it can grow. Ask it by the `is_…` methods. They
/// look through boxed errors: an [`Error`] that came back through tower's
/// middleware, or that wraps a [`BoxError`] which holds one, still answers.
///
/// A message that could not be sent comes back in the error: see
/// [`Error::take_message`].
///
/// ```
/// use aiomsg_core::{Endpoint, Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Timeout)
///     .with_reason("the handshake took more than 10s")
///     .at(Endpoint::tcp("localhost", 25000));
/// assert!(error.is_timeout());
/// assert_eq!(
///     error.to_string(),
///     "tcp://localhost:25000: timed out: the handshake took more than 10s",
/// );
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    reason: Option<String>,
    endpoint: Option<Endpoint>,
    peer: Option<Identity>,
    certificate: Option<Certificate>,
    message: Option<Outbound>,
    source: Option<BoxError>,
}

/// The kinds of [`Error`].
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
}

impl ErrorKind {
    fn text(self) -> &'static str {
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
        }
    }
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            reason: None,
            endpoint: None,
            peer: None,
            certificate: None,
            message: None,
            source: None,
        }))
    }

    /// Says more, in lower case and without a full stop.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the endpoint at which it happened, unless one is known already.
    #[must_use]
    pub fn at(mut self, endpoint: Endpoint) -> Self {
        self.0.endpoint.get_or_insert(endpoint);
        self
    }

    /// Adds the peer with which it happened, unless one is known already.
    #[must_use]
    pub fn with_peer(mut self, peer: Identity) -> Self {
        self.0.peer.get_or_insert(peer);
        self
    }

    /// Adds the certificate of the peer, if there is one, unless one is known already.
    #[must_use]
    pub fn with_certificate(mut self, certificate: impl Into<Option<Certificate>>) -> Self {
        let known = self.0.certificate.take();
        self.0.certificate = known.or_else(|| certificate.into());
        self
    }

    /// Adds the message that could not be sent.
    #[must_use]
    pub fn with_message(mut self, message: Outbound) -> Self {
        self.0.message = Some(message);
        self
    }

    /// An error of a kind from one of tower's boxed errors. An [`Error`] in
    /// the box is taken out; anything else becomes the source of an error of
    /// kind [`ErrorKind::Layer`].
    pub fn from_boxed(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(other) => Self::new(ErrorKind::Layer)
                .with_reason(other.to_string())
                .with_source(other),
        }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The endpoint it happened at, if it is known.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.0.endpoint.as_ref()
    }

    /// The peer it happened with, if it is known.
    pub fn peer(&self) -> Option<&Identity> {
        self.0.peer.as_ref()
    }

    /// The certificate of the peer it happened with, if the peer has presented
    /// one and it was verified.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.certificate.as_ref()
    }

    /// The message that could not be sent, if it could be kept.
    pub fn message(&self) -> Option<&Outbound> {
        self.0.message.as_ref()
    }

    /// Takes the message that could not be sent, to send it again or
    /// elsewhere.
    pub fn take_message(&mut self) -> Option<Outbound> {
        self.0.message.take()
    }

    fn any(&self, kind: ErrorKind) -> bool {
        if self.0.kind == kind {
            return true;
        }
        let mut source = self.source();
        while let Some(error) = source {
            if let Some(error) = error.downcast_ref::<Self>() {
                return error.any(kind);
            }
            source = error.source();
        }
        false
    }

    /// The socket is closed, or closing.
    pub fn is_closed(&self) -> bool {
        self.any(ErrorKind::Closed)
    }

    /// Something took longer than it may.
    pub fn is_timeout(&self) -> bool {
        self.any(ErrorKind::Timeout)
    }

    /// The connection ended.
    pub fn is_disconnected(&self) -> bool {
        self.any(ErrorKind::Disconnected)
    }

    /// The settings contradict each other or are out of range.
    pub fn is_config(&self) -> bool {
        self.any(ErrorKind::Config)
    }

    /// An address could not be read or looked up.
    pub fn is_address(&self) -> bool {
        self.any(ErrorKind::Address)
    }

    /// The system refused to bind, connect, read or write; the
    /// [`std::io::Error`] is the source.
    pub fn is_io(&self) -> bool {
        self.any(ErrorKind::Io)
    }

    /// TLS refused.
    pub fn is_tls(&self) -> bool {
        self.any(ErrorKind::Tls)
    }

    /// The peer broke the protocol, or speaks another one.
    pub fn is_protocol(&self) -> bool {
        self.any(ErrorKind::Protocol) || self.any(ErrorKind::Version)
    }

    /// The peer speaks a version or dialect that this socket does not.
    pub fn is_version(&self) -> bool {
        self.any(ErrorKind::Version)
    }

    /// A frame or message is larger than the limit.
    pub fn is_too_large(&self) -> bool {
        self.any(ErrorKind::TooLarge)
    }

    /// The identity is taken by another connection.
    pub fn is_identity_in_use(&self) -> bool {
        self.any(ErrorKind::IdentityInUse)
    }

    /// The peer may not have the identity that it has chosen.
    pub fn is_identity_refused(&self) -> bool {
        self.any(ErrorKind::IdentityRefused)
    }

    /// Refused because a limit is reached.
    pub fn is_limit(&self) -> bool {
        self.any(ErrorKind::Limit)
    }

    /// A middleware that is not ours failed; its error is the source.
    pub fn is_layer(&self) -> bool {
        self.any(ErrorKind::Layer)
    }

    /// The payload could not be turned into text or JSON, or back.
    pub fn is_payload(&self) -> bool {
        self.any(ErrorKind::Payload)
    }

    /// The system's error, if there is one below this one.
    pub fn io(&self) -> Option<&std::io::Error> {
        let mut source = self.source();
        while let Some(error) = source {
            if let Some(io) = error.downcast_ref() {
                return Some(io);
            }
            source = error.source();
        }
        None
    }
}

/// Where, then what, then why: one line, with no more of an identity than
/// [its beginning](Identity::short), as errors end up in logs. The cause is the
/// source.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = &self.0.endpoint {
            write!(f, "{endpoint}: ")?;
        }
        if let Some(peer) = &self.0.peer {
            write!(f, "peer {}: ", peer.short())?;
        }
        f.write_str(self.0.kind.text())?;
        if let Some(reason) = &self.0.reason {
            write!(f, ": {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind);
        let Inner {
            reason,
            endpoint,
            peer,
            certificate,
            message,
            source,
            ..
        } = &*self.0;
        if let Some(reason) = reason {
            debug.field("reason", reason);
        }
        if let Some(endpoint) = endpoint {
            debug.field("endpoint", &format_args!("{endpoint}"));
        }
        if let Some(peer) = peer {
            debug.field("peer", peer);
        }
        if let Some(certificate) = certificate {
            debug.field("certificate", certificate);
        }
        if let Some(message) = message {
            debug.field("message_len", &message.payload().len());
        }
        if let Some(source) = source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| {
            let source: &(dyn StdError + 'static) = source.as_ref();
            source
        })
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self::new(kind)
    }
}

/// Errors that end a connection are told apart from other errors of the
/// system.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::ConnectionReset
            | Io::ConnectionAborted
            | Io::BrokenPipe
            | Io::UnexpectedEof
            | Io::NotConnected => ErrorKind::Disconnected,
            Io::TimedOut => ErrorKind::Timeout,
            _ => ErrorKind::Io,
        };
        Self::new(kind)
            .with_reason(error.to_string())
            .with_source(error)
    }
}

/// For conversions that cannot fail.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<crate::endpoint::EndpointError> for Error {
    fn from(error: crate::endpoint::EndpointError) -> Self {
        Self::new(ErrorKind::Address)
            .with_reason(error.to_string())
            .with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_answered_through_boxes() {
        let inner: BoxError = Error::new(ErrorKind::Closed).into();
        assert!(Error::new(ErrorKind::Layer).with_source(inner).is_closed());

        let boxed: BoxError = Error::new(ErrorKind::Timeout).into();
        let error = Error::from_boxed(boxed);
        assert!(error.is_timeout() && !error.is_layer());

        let foreign = Error::from_boxed("a layer of the user's".into());
        assert!(foreign.is_layer() && !foreign.is_closed());
        assert_eq!(
            foreign.source().map(ToString::to_string).as_deref(),
            Some("a layer of the user's")
        );
    }

    #[test]
    fn the_message_can_be_taken_back() {
        let mut error = Error::new(ErrorKind::Closed).with_message(Outbound::new("kept"));
        assert_eq!(
            error.take_message().map(Outbound::into_payload).as_deref(),
            Some(&b"kept"[..])
        );
        assert!(error.take_message().is_none());
    }

    #[test]
    fn a_reset_is_a_disconnect() {
        let error = Error::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        assert!(error.is_disconnected());
        assert!(error.io().is_some());
    }
}
