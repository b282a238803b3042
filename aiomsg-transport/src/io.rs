//! Byte streams of any transport.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::link::{SendQueue, Wire};
use aiomsg_core::{Certificate, Error, Identity};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A byte stream with its type erased, and the properties of its other end.
///
/// The type is erased here, once per connection, so nothing above needs a type parameter
/// for the transport. Vectored writes reach the transport.
///
/// [`Io::new`] makes an `Io` of your own transport:
///
/// ```
/// use aiomsg_transport::{Io, IoInfo, RemoteAddr};
///
/// let (near, _far) = tokio::io::duplex(1024);
/// let io = Io::new(near, IoInfo::new(RemoteAddr::Mem("jobs".into())));
/// assert_eq!(io.info().remote.to_string(), "mem://jobs");
/// ```
pub struct Io {
    stream: Stream,
    info: IoInfo,
    identity_check: Option<IdentityCheck>,
}

/// The check of the peer's identity.
type IdentityCheck = Arc<dyn Fn(&Identity) -> Result<(), Error> + Send + Sync>;

/// The byte stream of a transport, whatever its type is.
pub(crate) type Stream = Box<dyn ByteStream>;

pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// The properties of the other end of an [`Io`]. Cheap to clone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IoInfo {
    /// The address of the other end.
    pub remote: RemoteAddr,
    /// What TLS has found out about the peer; `None` on a connection without TLS.
    pub tls: Option<TlsInfo>,
    /// The counter of bytes on the wire, if they differ from those of the stream: with
    /// TLS, bytes arrive long before they can be read.
    pub wire: Option<Wire>,
    /// The sent bytes that the system still holds; `None` if that is unknown. A layer
    /// that wraps the stream keeps it, by passing this whole value to [`Io::new`].
    pub send_queue: Option<SendQueue>,
}

/// The address of the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RemoteAddr {
    /// TCP, with or without TLS.
    Inet(SocketAddr),
    /// A Unix socket. An accepted peer has a path only if it has bound one, which is
    /// rare.
    Unix(Option<PathBuf>),
    /// An in-memory connection of this process, with its name.
    Mem(String),
}

/// What TLS has found out about the peer. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The verified certificate of the peer; `None` if none was demanded and the peer
    /// has presented none.
    pub peer_certificate: Option<Certificate>,
}

/// Converts an error of reading or writing an [`Io`] into an [`Error`].
///
/// It does the same as `Error::from`, except that TLS errors are explained and of kind
/// [`Tls`](aiomsg_core::ErrorKind::Tls). TLS errors also occur after the handshake: in TLS
/// 1.3 the connecting end finishes before the other end verifies its certificate, so its
/// first read reports a refusal.
pub fn explain(error: io::Error) -> Error {
    #[cfg(feature = "tls")]
    if let Some(explained) = crate::tls::explain(&error) {
        return explained.with_source(error);
    }
    #[cfg(feature = "websocket")]
    if let Some(explained) = crate::websocket::explain(&error) {
        return explained.with_source(error);
    }
    Error::from(error)
}

// ===== impl Io =====

impl Io {
    /// Creates an `Io` of a byte stream.
    pub fn new<S>(stream: S, info: IoInfo) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self {
            stream: Box::new(stream),
            info,
            identity_check: None,
        }
    }

    /// Replaces the byte stream by one around it, and keeps everything else.
    #[cfg(feature = "websocket")]
    pub(crate) fn map_stream<S>(self, wrap: impl FnOnce(Stream) -> S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self {
            stream: Box::new(wrap(self.stream)),
            ..self
        }
    }

    /// Returns the byte stream without its properties, for a connection that has been
    /// checked and admitted. It is smaller.
    pub fn into_stream(self) -> impl AsyncRead + AsyncWrite + Send + Unpin + use<> {
        self.stream
    }

    /// Returns the properties of the other end.
    pub fn info(&self) -> &IoInfo {
        &self.info
    }

    /// Adds a check of the identity that the peer will claim in the handshake. Layers
    /// around connecting and accepting use it, such as
    /// [`CertifiedIdentityLayer`](crate::CertifiedIdentityLayer). All checks must pass.
    #[must_use]
    pub fn with_identity_check(
        mut self,
        check: impl Fn(&Identity) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        self.identity_check = Some(match self.identity_check.take() {
            None => Arc::new(check),
            Some(first) => Arc::new(move |identity: &Identity| {
                first(identity)?;
                check(identity)
            }),
        });
        self
    }

    /// Checks whether the peer may have this identity. A socket calls it after the
    /// handshake, before it does anything under that identity.
    ///
    /// # Errors
    ///
    /// The error of the failed check, with the peer's certificate.
    pub fn check_identity(&self, identity: &Identity) -> Result<(), Error> {
        let Some(check) = &self.identity_check else {
            return Ok(());
        };
        check(identity).map_err(|error| {
            error
                .with_peer(identity.clone())
                .with_certificate(self.info.certificate().cloned())
        })
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

// ===== impl IoInfo =====

impl IoInfo {
    /// Creates the properties of a connection without TLS.
    pub fn new(remote: RemoteAddr) -> Self {
        Self {
            remote,
            tls: None,
            wire: None,
            send_queue: None,
        }
    }

    /// Returns the certificate of the peer, if TLS is in use and the peer has presented
    /// one.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.tls.as_ref()?.peer_certificate.as_ref()
    }

    /// Adds the counter of bytes on the wire, if they differ from those of the stream.
    #[must_use]
    pub fn with_wire(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Adds the number of sent bytes that the system still holds. It distinguishes a slow
    /// peer from a dead one.
    #[must_use]
    pub fn with_send_queue(mut self, queue: impl Into<Option<SendQueue>>) -> Self {
        self.send_queue = queue.into();
        self
    }

    /// Adds what TLS has found out about the peer.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsInfo) -> Self {
        self.tls = Some(tls);
        self
    }
}

// ===== impl TlsInfo =====

impl TlsInfo {
    /// Creates the TLS properties of a peer with this certificate, or none.
    pub fn new(peer_certificate: Option<Certificate>) -> Self {
        Self { peer_certificate }
    }
}

// ===== impl RemoteAddr =====

impl fmt::Display for RemoteAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(address) => write!(f, "{address}"),
            Self::Unix(Some(path)) => write!(f, "unix://{}", path.display()),
            Self::Unix(None) => f.write_str("unix://(unnamed)"),
            Self::Mem(name) => write!(f, "mem://{name}"),
        }
    }
}

impl From<SocketAddr> for RemoteAddr {
    fn from(address: SocketAddr) -> Self {
        Self::Inet(address)
    }
}

#[cfg(test)]
mod tests;
