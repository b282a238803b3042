//! The error of every socket operation.

mod chain;
mod kind;
mod remedy;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::{Certificate, Endpoint, Identity, Outbound};

pub use chain::{Chain, chain};
pub use kind::ErrorKind;
pub use remedy::Remedy;

/// Any error: the same type as `tower::BoxError`, the error of tower's own middleware.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong in a socket, and where.
///
/// The error is opaque, so that it can hold more later. Its [`kind`](Error::kind)
/// and the `is_…` methods tell errors apart, and they agree with each other. They
/// look through the errors of layers: an [`Error`] that came back through tower's
/// middleware, in a box or as the source of another error, has the kind that it had.
///
/// A message that could not be sent comes back in the error: see
/// [`Error::take_message`].
///
/// # Text
///
/// `Display` says one level: the endpoint, the peer, the kind and a reason. The
/// cause is the [`source`](StdError::source). [`Error::chain`] displays all levels in
/// one line, for logs and people. The text may change in any version.
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
    remedy: Option<Remedy>,
    source: Option<BoxError>,
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
            remedy: None,
            source: None,
        }))
    }

    /// Says more, in lower case and without a full stop. The text of the source
    /// is no part of it.
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

    /// Adds the setting that may mend it, if there is one.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<Option<Remedy>>) -> Self {
        self.0.remedy = remedy.into();
        self
    }

    /// An error of a kind from one of tower's boxed errors. An [`Error`] in
    /// the box is taken out; anything else becomes the source of an error of
    /// kind [`ErrorKind::Layer`].
    pub fn from_boxed(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => *error,
            Err(other) => Self::new(ErrorKind::Layer).with_source(other),
        }
    }

    /// What kind of error it is. The failure of a layer that was caused by an
    /// [`Error`] has the kind of that one.
    pub fn kind(&self) -> ErrorKind {
        match (self.0.kind, self.nested()) {
            (ErrorKind::Layer, Some(nested)) => nested.kind(),
            (kind, _) => kind,
        }
    }

    /// What it says more than its kind, if there is more. For an error of a peer's handler
    /// ([`is_unhandled`](Error::is_unhandled)), the text that the peer sent.
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// The setting that may mend it, or the error below it, if there is one.
    pub fn remedy(&self) -> Option<Remedy> {
        self.0.remedy.or_else(|| self.nested()?.remedy())
    }

    /// Displays this error and all of its sources in one line: see [`chain`].
    pub fn chain(&self) -> Chain<'_> {
        chain(self)
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

    /// The error itself, or the one that is shared.
    fn of<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let shared = || error.downcast_ref::<Arc<Self>>().map(Arc::as_ref);
        error.downcast_ref().or_else(shared)
    }

    /// The nearest [`Error`] below this one.
    fn nested(&self) -> Option<&Self> {
        chain::sources(self).find_map(Self::of)
    }

    /// The socket is closed, or closing.
    pub fn is_closed(&self) -> bool {
        self.kind() == ErrorKind::Closed
    }

    /// Something took longer than it may.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// The connection ended.
    pub fn is_disconnected(&self) -> bool {
        self.kind() == ErrorKind::Disconnected
    }

    /// The settings contradict each other or are out of range.
    pub fn is_config(&self) -> bool {
        self.kind() == ErrorKind::Config
    }

    /// An address could not be read or looked up.
    pub fn is_address(&self) -> bool {
        self.kind() == ErrorKind::Address
    }

    /// The system refused to bind, connect, read or write; the
    /// [`std::io::Error`] is the source.
    pub fn is_io(&self) -> bool {
        self.kind() == ErrorKind::Io
    }

    /// TLS refused.
    pub fn is_tls(&self) -> bool {
        self.kind() == ErrorKind::Tls
    }

    /// The peer broke the protocol, or speaks another one.
    pub fn is_protocol(&self) -> bool {
        matches!(self.kind(), ErrorKind::Protocol | ErrorKind::Version)
    }

    /// The peer speaks a version or dialect that this socket does not.
    pub fn is_version(&self) -> bool {
        self.kind() == ErrorKind::Version
    }

    /// A frame or message is larger than the limit.
    pub fn is_too_large(&self) -> bool {
        self.kind() == ErrorKind::TooLarge
    }

    /// The identity is taken by another connection.
    pub fn is_identity_in_use(&self) -> bool {
        self.kind() == ErrorKind::IdentityInUse
    }

    /// The peer may not have the identity that it has chosen.
    pub fn is_identity_refused(&self) -> bool {
        self.kind() == ErrorKind::IdentityRefused
    }

    /// Refused because a limit is reached.
    pub fn is_limit(&self) -> bool {
        self.kind() == ErrorKind::Limit
    }

    /// A middleware that is not ours failed; its error is the source.
    pub fn is_layer(&self) -> bool {
        self.kind() == ErrorKind::Layer
    }

    /// The payload could not be turned into text or JSON, or back.
    pub fn is_payload(&self) -> bool {
        self.kind() == ErrorKind::Payload
    }

    /// The peer did not handle the request: its handler failed, or it has none for it. The
    /// [`reason`](Error::reason) is the peer's.
    pub fn is_unhandled(&self) -> bool {
        self.kind() == ErrorKind::Unhandled
    }

    /// The system's error, if there is one below this one.
    pub fn io(&self) -> Option<&std::io::Error> {
        chain::sources(self).find_map(|error| error.downcast_ref())
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
            remedy,
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
        if let Some(remedy) = remedy {
            debug.field("remedy", remedy);
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
        Self::new(kind).with_source(error)
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
        Self::new(ErrorKind::Address).with_source(error)
    }
}

#[cfg(test)]
mod tests;
