//! Binding and accepting.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Endpoint, Error, ErrorKind};
use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tower::Service;

use crate::error::{system, unsupported};
use crate::io::{Io, IoInfo, RemoteAddr};
use crate::mem::MemListener;
use crate::resolve::Resolver;
use crate::{send_queue, tcp};

/// A bound endpoint that accepts peers. Dropping it stops listening, removes the file of
/// a Unix socket, and frees an in-memory name.
///
/// | endpoint | binds |
/// |---|---|
/// | `tcp`, `tls` | all our addresses of the host, at one port; a port in use at any of them is an error |
/// | `unix` | the path; replaces a stale socket file; any other file is an error. On Linux, `@name` is an abstract name, without a file |
/// | `mem` | the name, once in this process |
///
/// # Examples
///
/// An accept loop that neither dies nor spins:
///
/// ```no_run
/// use aiomsg_transport::{Listener, listen::is_transient};
/// use std::time::Duration;
///
/// # fn serve(_: Result<aiomsg_transport::Io, aiomsg_core::Error>) {}
/// # async fn accept(mut listener: Listener) {
/// loop {
///     match listener.accept().await {
///         // TLS runs in the peer's own task, under a timeout.
///         Ok(incoming) => drop(tokio::spawn(async move {
///             let limit = Duration::from_secs(10);
///             if let Ok(secured) = tokio::time::timeout(limit, incoming.secure()).await {
///                 serve(secured);
///             }
///         })),
///         Err(error) if is_transient(&error) => {}
///         Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    endpoint: Endpoint,
    bound: Bound,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Server>,
}

/// The options of binding.
///
/// ```
/// use aiomsg_transport::ListenOptions;
///
/// let options = ListenOptions::new().backlog(64);
/// assert_eq!(options.backlog, 64);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenOptions {
    /// The number of peers that may wait to be accepted. Default: 4,096.
    pub backlog: u32,
    /// The mode of the file of a Unix socket, such as `0o660`. The umask sets it by
    /// default.
    pub unix_mode: Option<u32>,
    /// The certificates for `tls://` endpoints.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::tls::TlsConfig>,
}

/// An accepted peer, before TLS. Dropping it closes the connection.
#[derive(Debug)]
pub struct Incoming {
    endpoint: Endpoint,
    stream: Accepted,
    remote: RemoteAddr,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::Server>,
}

#[derive(Debug)]
enum Bound {
    Tcp(tcp::Listeners),
    #[cfg(unix)]
    Unix(crate::unix::BoundUnix),
    Mem(MemListener),
}

#[derive(Debug)]
enum Accepted {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
    Mem(DuplexStream),
}

/// The error for an endpoint that can only be dialled.
fn not_bound(endpoint: &Endpoint) -> Error {
    let scheme = match endpoint {
        Endpoint::Wss { .. } => "tls",
        _ => "tcp",
    };
    Error::new(ErrorKind::Config).with_reason(format!(
        "a websocket endpoint is one to connect to; bind {scheme}:// and turn websocket on there"
    ))
}

/// Returns whether an error of [`Listener::accept`] concerns only one connection, which
/// ended before it was accepted. The next call may then follow at once. Any other error,
/// such as a lack of file descriptors, would repeat: sleep first.
pub fn is_transient(error: &Error) -> bool {
    use io::ErrorKind as Io;
    error.io().is_some_and(|error| {
        // Linux reports pending errors of the new connection here.
        matches!(
            error.kind(),
            Io::ConnectionAborted
                | Io::ConnectionReset
                | Io::ConnectionRefused
                | Io::BrokenPipe
                | Io::HostUnreachable
                | Io::NetworkUnreachable
                | Io::NetworkDown
                | Io::TimedOut
                | Io::Interrupted
        )
    })
}

// ===== impl Listener =====

impl Listener {
    /// Binds an endpoint.
    ///
    /// # Errors
    ///
    /// Every error names the endpoint. Its kind is
    /// [`Address`](aiomsg_core::ErrorKind::Address) if the host does not resolve,
    /// [`Io`](aiomsg_core::ErrorKind::Io) if the system refuses (the [`io::Error`] is the
    /// source, of kind [`io::ErrorKind::AddrInUse`] for a bound endpoint), and
    /// [`Config`](aiomsg_core::ErrorKind::Config) for TLS without a certificate.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future binds nothing.
    pub async fn bind(endpoint: &Endpoint, options: &ListenOptions) -> Result<Self, Error> {
        let bound = Self::bind_any(endpoint, options).await;
        bound.map_err(|error| error.at(endpoint.clone()))
    }

    async fn bind_any(endpoint: &Endpoint, options: &ListenOptions) -> Result<Self, Error> {
        #[cfg(feature = "tls")]
        let tls = match endpoint {
            Endpoint::Tls { .. } => {
                let config = options.tls.as_ref().ok_or_else(crate::tls::missing)?;
                Some(config.server()?)
            }
            _ => None,
        };
        let backlog = options.backlog;
        let bound = match endpoint {
            Endpoint::Tcp { host, port } => Bound::tcp(host, *port, backlog).await?,
            #[cfg(feature = "tls")]
            Endpoint::Tls { host, port } => Bound::tcp(host, *port, backlog).await?,
            #[cfg(unix)]
            Endpoint::Unix { path } => {
                Bound::Unix(crate::unix::BoundUnix::bind(path, backlog, options.unix_mode).await?)
            }
            Endpoint::Mem { name } => Bound::Mem(MemListener::bind(name, backlog)?),
            Endpoint::TlsAt { address, .. } => {
                let reason =
                    format!("a name with an address is to connect to: bind to tls://{address}");
                return Err(Error::new(aiomsg_core::ErrorKind::Config).with_reason(reason));
            }
            Endpoint::Ws { .. } | Endpoint::Wss { .. } => return Err(not_bound(endpoint)),
            other => return Err(unsupported(other)),
        };
        let endpoint = match &bound {
            Bound::Tcp(listener) => {
                let port = listener.local_addr().map_err(system)?.port();
                endpoint.clone().with_port(port)
            }
            _ => endpoint.clone(),
        };
        tracing::debug!(%endpoint, "listening");
        Ok(Self {
            endpoint,
            bound,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// Returns the bound endpoint, with the real port in place of 0.
    pub fn local_endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Waits for the next peer.
    ///
    /// # Errors
    ///
    /// No error ends the listener. See [`is_transient`] for how to continue.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a peer is either returned or left for the next call.
    pub async fn accept(&mut self) -> Result<Incoming, Error> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Polls for the next peer. See [`Listener::accept`].
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Error>> {
        self.poll_stream(cx).map(|accepted| match accepted {
            Ok((stream, remote)) => {
                tracing::trace!(endpoint = %self.endpoint, %remote, "accepted");
                Ok(Incoming {
                    endpoint: self.endpoint.clone(),
                    stream,
                    remote,
                    #[cfg(feature = "tls")]
                    tls: self.tls.clone(),
                })
            }
            Err(error) => Err(system(error).at(self.endpoint.clone())),
        })
    }

    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Accepted, RemoteAddr)>> {
        match &mut self.bound {
            Bound::Tcp(listener) => listener
                .poll_accept(cx)
                .map_ok(|(stream, address)| (Accepted::Tcp(stream), address.into())),
            #[cfg(unix)]
            Bound::Unix(listener) => listener.poll_accept(cx).map_ok(|(stream, address)| {
                let path = address.as_pathname().map(Into::into);
                (Accepted::Unix(stream), RemoteAddr::Unix(path))
            }),
            Bound::Mem(listener) => {
                let accepted = listener.poll_accept(cx);
                accepted.map_ok(|stream| {
                    let Endpoint::Mem { name } = &self.endpoint else {
                        unreachable!("an in-memory listener is bound to an in-memory endpoint");
                    };
                    (Accepted::Mem(stream), RemoteAddr::Mem(name.clone()))
                })
            }
        }
    }
}

// ===== impl Bound =====

impl Bound {
    async fn tcp(host: &str, port: u16, backlog: u32) -> Result<Self, Error> {
        let listener = tcp::bind(&Resolver::default(), host, port, backlog).await?;
        Ok(Self::Tcp(listener))
    }
}

// ===== impl ListenOptions =====

impl ListenOptions {
    /// Creates options with a backlog of 4,096 and no TLS.
    pub fn new() -> Self {
        Self {
            backlog: 4096,
            unix_mode: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Sets the number of peers that may wait to be accepted. The system may have a lower
    /// limit.
    #[must_use]
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = backlog;
        self
    }

    /// Sets the mode of the file of a Unix socket, from 0 to `0o777`. It decides who may
    /// connect, on systems that check it, and is set before the socket listens, so no
    /// other user can connect in between. Binding fails with another number, and for an
    /// abstract name, which has no file.
    #[must_use]
    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.unix_mode = Some(mode);
        self
    }

    /// Sets the certificates for `tls://` endpoints.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: crate::tls::TlsConfig) -> Self {
        self.tls = Some(config);
        self
    }
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self::new()
    }
}

// ===== impl Incoming =====

impl Incoming {
    /// Returns the [local endpoint](Listener::local_endpoint) of the listener.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the address of the peer.
    pub fn remote(&self) -> &RemoteAddr {
        &self.remote
    }

    /// Performs the TLS handshake of the accepting end, if the endpoint uses TLS.
    /// Otherwise it returns the stream at once.
    ///
    /// A peer may be slow here, or silent for ever, so call this in a task of its own and
    /// under a timeout.
    ///
    /// # Errors
    ///
    /// Of kind [`Tls`](aiomsg_core::ErrorKind::Tls) if the peer is refused, refuses us or
    /// does not speak TLS. When a peer is refused for its certificate, the error comes up
    /// to half a second late: the connection stays open so long to tell the peer.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: dropping the future closes the connection.
    pub async fn secure(self) -> Result<Io, Error> {
        let mut info = IoInfo::new(self.remote);
        let secured = match self.stream {
            Accepted::Tcp(stream) => {
                // A failure here means that the connection is gone, which the first
                // read reports better.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(remote = %info.remote, %error, "nodelay not set");
                }
                if let RemoteAddr::Inet(address) = info.remote {
                    info.send_queue = send_queue::of_tcp(&stream, address);
                }
                #[cfg(feature = "tls")]
                if let Some(tls) = self.tls {
                    return match tls.accept(stream).await {
                        Ok((stream, tls, wire)) => {
                            Ok(Io::new(stream, info.with_tls(tls).with_wire(wire)))
                        }
                        Err(error) => Err(error.at(self.endpoint)),
                    };
                }
                Io::new(stream, info)
            }
            #[cfg(unix)]
            Accepted::Unix(stream) => {
                info.send_queue = send_queue::of_unix(&stream);
                Io::new(stream, info)
            }
            Accepted::Mem(stream) => Io::new(stream, info),
        };
        Ok(secured)
    }
}

// ===== Acceptor =====

/// [`Incoming::secure`] as a `tower::Service`, for layers that accept or refuse peers: by
/// address before TLS, and by certificate after it.
///
/// ```
/// use aiomsg_core::Endpoint;
/// use aiomsg_transport::{Acceptor, Connector, ListenOptions, Listener};
/// use std::time::Duration;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
/// let accept = ServiceBuilder::new()
///     .timeout(Duration::from_secs(10))
///     .service(Acceptor::new());
///
/// let any_port = Endpoint::tcp("127.0.0.1", 0);
/// let mut listener = Listener::bind(&any_port, &ListenOptions::new()).await?;
/// let _peer = Connector::new().oneshot(listener.local_endpoint()).await?;
/// let io = accept.oneshot(listener.accept().await?).await?;
/// println!("a peer at {}", io.info().remote);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Acceptor;

impl Acceptor {
    /// Creates an acceptor. It keeps nothing, and is always ready.
    pub fn new() -> Self {
        Self
    }
}

impl Service<Incoming> for Acceptor {
    type Response = Io;
    type Error = Error;
    type Future = Accepting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, incoming: Incoming) -> Accepting {
        Accepting {
            inner: Box::pin(incoming.secure()),
        }
    }
}

/// The future of an [`Acceptor`]. Dropping it closes the connection.
#[must_use = "futures do nothing unless polled"]
pub struct Accepting {
    // Boxed once per connection: it contains the future of the TLS handshake.
    inner: Pin<Box<dyn Future<Output = Result<Io, Error>> + Send>>,
}

impl Future for Accepting {
    type Output = Result<Io, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl fmt::Debug for Accepting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepting").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
