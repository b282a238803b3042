//! Dialling: a `tower::Service` from an endpoint to a byte stream.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Endpoint, Error};
#[cfg(feature = "tls")]
use tokio::net::TcpStream;
use tower::Service;

use crate::error::unsupported;
use crate::io::{Io, IoInfo, RemoteAddr};
use crate::resolve::Resolver;
use crate::{mem, send_queue, tcp};

/// A `tower::Service` that connects to endpoints of every kind.
///
/// One call is one try. The service is always ready, keeps nothing between calls and
/// resolves the host again each time. For TCP and TLS it tries all addresses of the
/// host, alternating the families. It tries the next one when the one before has failed
/// or has been silent for 250 ms (RFC 8305). The first to answer wins. Retries and
/// timeouts belong to the layers around it.
///
/// # Errors
///
/// Every error names the endpoint.
///
/// | kind | when |
/// |---|---|
/// | [`Address`](aiomsg_core::ErrorKind::Address) | the host does not resolve |
/// | [`Io`](aiomsg_core::ErrorKind::Io) | the connection is refused or failed; each address is named |
/// | [`Timeout`](aiomsg_core::ErrorKind::Timeout) | the connection timed out in the system |
/// | [`Tls`](aiomsg_core::ErrorKind::Tls) | the peer's certificate, or its TLS, is invalid |
/// | [`Config`](aiomsg_core::ErrorKind::Config) | TLS without a `TlsConfig`, or with one that trusts nothing |
///
/// # Examples
///
/// ```
/// use aiomsg_core::{Endpoint, Error};
/// use aiomsg_transport::Connector;
/// use std::time::Duration;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let dial = ServiceBuilder::new()
///     .timeout(Duration::from_secs(10))
///     .service(Connector::new());
///
/// let nobody = Endpoint::Mem { name: "nobody".into() };
/// let error = Error::from_boxed(dial.oneshot(nobody).await.unwrap_err());
/// assert!(error.is_io());
/// assert!(error.to_string().starts_with("mem://nobody: "));
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Connector {
    resolver: Resolver,
    #[cfg(feature = "tls")]
    tls: Option<crate::tls::TlsConfig>,
    #[cfg(feature = "websocket")]
    headers: crate::websocket::Headers,
}

/// The future of a [`Connector`]. Dropping it closes the connections under way.
#[must_use = "futures do nothing unless polled"]
pub struct Connecting {
    // Boxed once per connection; the resolver's future has no name.
    inner: Pin<Box<dyn Future<Output = Result<Io, Error>> + Send>>,
}

impl Connector {
    /// Creates a connector that resolves names with the system.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses an endpoint of a transport that is not built in, without a dial.
    ///
    /// # Errors
    ///
    /// Of kind [`Config`](aiomsg_core::ErrorKind::Config), with the feature to turn on.
    ///
    /// ```
    /// use aiomsg_core::Endpoint;
    /// use aiomsg_transport::Connector;
    ///
    /// assert!(Connector::check(&Endpoint::tcp("localhost", 25000)).is_ok());
    /// ```
    pub fn check(endpoint: &Endpoint) -> Result<(), Error> {
        let is_built_in = match endpoint {
            Endpoint::Tls { .. } | Endpoint::TlsAt { .. } => cfg!(feature = "tls"),
            Endpoint::Ws { .. } => cfg!(feature = "websocket"),
            Endpoint::Wss { .. } => cfg!(all(feature = "tls", feature = "websocket")),
            Endpoint::Unix { .. } => cfg!(unix),
            _ => true,
        };
        match is_built_in {
            true => Ok(()),
            false => Err(unsupported(endpoint).at(endpoint.clone())),
        }
    }

    /// Sets the certificates for `tls://` endpoints.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, config: crate::tls::TlsConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Adds a header to the requests for `ws://` and `wss://` endpoints, such as the token
    /// that an ingress wants. A name may be added several times.
    ///
    /// # Errors
    ///
    /// Of kind [`Config`](aiomsg_core::ErrorKind::Config) if HTTP does not allow the name or
    /// the value, or if the header belongs to the upgrade itself.
    ///
    /// ```
    /// use aiomsg_transport::Connector;
    ///
    /// let connector = Connector::new().websocket_header("Authorization", "Bearer token")?;
    /// assert!(connector.websocket_header("Upgrade", "h2c").is_err());
    /// # Ok::<(), aiomsg_core::Error>(())
    /// ```
    #[cfg(feature = "websocket")]
    pub fn websocket_header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.headers.append(name, value)?;
        Ok(self)
    }

    /// Sets the resolver of host names, for example for a service registry or a test. It
    /// is called for every dial.
    ///
    /// ```
    /// use aiomsg_transport::Connector;
    ///
    /// let connector = Connector::new().resolve_with(|host, port| async move {
    ///     match host.as_str() {
    ///         "jobs" => Ok(vec![([127, 0, 0, 1], port).into()]),
    ///         _ => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
    ///     }
    /// });
    /// # drop(connector);
    /// ```
    #[must_use]
    pub fn resolve_with<R, F>(mut self, resolve: R) -> Self
    where
        R: Fn(String, u16) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        self.resolver = Resolver::new(resolve);
        self
    }

    async fn connect(self, endpoint: &Endpoint) -> Result<Io, Error> {
        match endpoint {
            Endpoint::Tcp { host, port } => self.plain(host, *port).await,
            #[cfg(feature = "tls")]
            Endpoint::Tls { host, port } => {
                let connecting = tcp::connect(&self.resolver, host, *port);
                self.connect_tls(host, connecting).await
            }
            #[cfg(feature = "tls")]
            Endpoint::TlsAt { name, address } => {
                let connecting = tcp::connect_to(vec![*address]);
                self.connect_tls(name, connecting).await
            }
            #[cfg(feature = "websocket")]
            Endpoint::Ws { host, port, path } => {
                let io = self.plain(host, *port).await?;
                self.upgrade(io, endpoint, path).await
            }
            #[cfg(all(feature = "websocket", feature = "tls"))]
            Endpoint::Wss { host, port, path } => {
                let connecting = tcp::connect(&self.resolver, host, *port);
                let io = self.connect_tls(host, connecting).await?;
                self.upgrade(io, endpoint, path).await
            }
            #[cfg(unix)]
            Endpoint::Unix { path } => {
                let stream = crate::unix::connect(path).await?;
                let remote = RemoteAddr::Unix(Some(path.clone()));
                let queue = send_queue::of_unix(&stream);
                Ok(Io::new(stream, IoInfo::new(remote).with_send_queue(queue)))
            }
            Endpoint::Mem { name } => {
                let stream = mem::connect(name).await?;
                let remote = RemoteAddr::Mem(name.clone());
                Ok(Io::new(stream, IoInfo::new(remote)))
            }
            other => Err(unsupported(other)),
        }
    }

    async fn plain(&self, host: &str, port: u16) -> Result<Io, Error> {
        let (stream, address) = tcp::connect(&self.resolver, host, port).await?;
        let queue = send_queue::of_tcp(&stream, address);
        let info = IoInfo::new(address.into()).with_send_queue(queue);
        Ok(Io::new(stream, info))
    }

    /// Does TLS on a new connection. The peer's certificate must have the name.
    #[cfg(feature = "tls")]
    async fn connect_tls(
        &self,
        name: &str,
        connecting: impl Future<Output = Result<(TcpStream, SocketAddr), Error>>,
    ) -> Result<Io, Error> {
        let tls = self.tls.as_ref().ok_or_else(crate::tls::missing)?;
        let client = tls.client(name)?;
        let (stream, address) = connecting.await?;
        let queue = send_queue::of_tcp(&stream, address);
        let (stream, tls, wire) = client.connect(stream).await?;
        let info = IoInfo::new(address.into())
            .with_tls(tls)
            .with_wire(wire)
            .with_send_queue(queue);
        Ok(Io::new(stream, info))
    }

    #[cfg(feature = "websocket")]
    async fn upgrade(&self, io: Io, endpoint: &Endpoint, path: &str) -> Result<Io, Error> {
        let host = crate::websocket::host(endpoint);
        let info = io.info().clone();
        let stream = crate::websocket::connect(io, &host, path, &self.headers).await?;
        Ok(Io::new(stream, info))
    }
}

impl Service<Endpoint> for Connector {
    type Response = Io;
    type Error = Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Connecting {
        let this = self.clone();
        Connecting {
            inner: Box::pin(async move {
                let connected = this.connect(&endpoint).await;
                connected.map_err(|error| error.at(endpoint))
            }),
        }
    }
}

// ===== impl Connecting =====

impl Future for Connecting {
    type Output = Result<Io, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl fmt::Debug for Connecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}
