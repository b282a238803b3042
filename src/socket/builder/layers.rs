//! Layers around the paths of a socket.

use std::marker::PhantomData;

use tower::layer::util::Stack;

#[cfg(doc)]
use aiomsg_core::{Delivery, Outbound};
#[cfg(doc)]
use aiomsg_transport::{Incoming, Io};

use super::{AcceptLayer, ConnectionLayer, DialLayer, ReceiveLayer, SocketBuilder};

impl<L, M> SocketBuilder<L, M> {
    /// Adds a layer around the send path: any [`tower::Layer`] over a `Service` of
    /// [`Outbound`] messages, including tower's own.
    ///
    /// The first layer added is the outermost, as in tower's `ServiceBuilder`: it sees
    /// each message first.
    ///
    /// ```text
    ///  send ─▶ first ─▶ second ─▶ at-least-once ─▶ by identity ─▶ buffer ─▶ distribute
    /// ```
    ///
    /// A message counts as sent when the whole stack has accepted it. When a
    /// layer fails, `send` returns its error and hands the message back.
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use std::time::Duration;
    /// use tower::limit::RateLimitLayer;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let socket = Socket::builder()
    ///     .layer(RateLimitLayer::new(100, Duration::from_secs(1)))
    ///     .build()?;
    /// socket.send("one of a hundred").await?;
    /// # Ok(()) }
    /// ```
    pub fn layer<N>(self, layer: N) -> SocketBuilder<Stack<N, L>, M> {
        SocketBuilder {
            settings: self.settings,
            paths: self.paths,
            layers: Stack::new(layer, self.layers),
            mode: PhantomData,
        }
    }

    /// Adds a layer around the receive path: any [`tower::Layer`] over a `Service` of
    /// [`Delivery`], in front of `recv`.
    ///
    /// The first layer added is the outermost: it sees each message first.
    ///
    /// ```text
    ///  connection ─▶ first ─▶ second ─▶ inbox ─▶ recv
    /// ```
    ///
    /// All connections share the stack, which handles the messages of a connection one
    /// by one. While the stack is not ready, or handles a message, the connection is not
    /// read: back pressure reaches the peer. A message that asks for an acknowledgement
    /// gets it when the stack has returned `Ok`. When the stack fails,
    /// [`Event::Refused`](crate::Event::Refused) reports the message. When it fails to
    /// become ready, the connection ends.
    ///
    /// Messages that were read before a connection ended still go through the stack.
    /// Messages in the stack when the socket closes are refused. A layer that holds a
    /// clone of this socket keeps the socket alive for ever.
    ///
    /// With one layer, a message costs no box. Each further one costs it a box, and the
    /// layers around it share it as [`Path`](crate::layer::Path) says. Several that
    /// tower's `ServiceBuilder` stacks are one layer.
    ///
    /// ```
    /// use aiomsg::{Delivery, Socket};
    /// use tower::filter::FilterLayer;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let socket = Socket::builder()
    ///     .receive_layer(FilterLayer::new(|message: Delivery| {
    ///         match message.payload().len() {
    ///             0..1024 => Ok(message),
    ///             _ => Err("too long for us"),
    ///         }
    ///     }))
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    pub fn receive_layer(mut self, layer: impl ReceiveLayer) -> Self {
        self.paths.receive.push(layer);
        self
    }

    /// Adds a layer around each connection: any [`tower::Layer`] from one
    /// [`Connection`](aiomsg_core::Connection) to another, by which
    /// [`Frame`](aiomsg_core::Frame)s arrive and leave. It is below the heartbeat
    /// and the acknowledgements, so it sees every frame. The innermost
    /// connection is a [`PeerConnection`](crate::layer::PeerConnection), which knows
    /// its peer.
    ///
    /// A function of a frame is a layer in
    /// [`arriving_fn`](aiomsg_core::connection::arriving_fn) or
    /// [`leaving_fn`](aiomsg_core::connection::leaving_fn), and a
    /// [`FrameHook`](aiomsg_core::FrameHook) in
    /// [`HookLayer`](aiomsg_core::connection::HookLayer). A layer whose type
    /// is a sink and stream of frames wraps it in
    /// [`OneByOne`](aiomsg_core::connection::OneByOne).
    ///
    /// The first layer added is the outermost.
    ///
    /// ```text
    ///  session ─▶ heartbeat ─▶ acknowledge ─▶ first ─▶ second ─▶ PeerConnection
    /// ```
    ///
    /// A frame that never left comes back as the innermost layer had given it
    /// to the connection, and may be sent to another peer: a layer that
    /// changes payloads must be able to meet its own output again. The first
    /// layer is compiled into the session, so it costs no dynamic call, and each further
    /// one costs one for each frame. Several that tower's `ServiceBuilder` stacks
    /// are one layer: `ServiceBuilder::new().layer(a).layer(b).into_inner()`.
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use aiomsg::layer::Frame;
    /// use aiomsg::layer::arriving_fn;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// // Drops messages without a payload.
    /// let not_empty = |frame: Frame| match frame.payload() {
    ///     Some(payload) if payload.is_empty() => None,
    ///     _ => Some(frame),
    /// };
    /// let socket = Socket::builder().connection_layer(arriving_fn(not_empty)).build()?;
    /// # Ok(()) }
    /// ```
    pub fn connection_layer(mut self, layer: impl ConnectionLayer) -> Self {
        self.paths.connection.push(layer);
        self
    }

    /// Adds a layer around connecting: any [`tower::Layer`] over a `Service` of
    /// [`Endpoint`](aiomsg_core::Endpoint) whose response is an [`Io`], a byte stream.
    /// It may inspect the endpoint before, and the address and the certificate of the
    /// peer after. It may exchange bytes with the peer before the handshake, or replace
    /// the stream.
    ///
    /// The first layer added is the outermost. All dialled endpoints share the stack.
    ///
    /// ```text
    ///  reconnect ─▶ [ first ─▶ second ─▶ Connector: TCP, TLS ] ─▶ handshake
    /// ```
    ///
    /// The [`handshake_timeout`](SocketBuilder::handshake_timeout) starts when the stack
    /// is ready. When a layer fails, [`Event::DialFailed`](crate::Event::DialFailed)
    /// reports it, and another try follows.
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use std::time::Duration;
    /// use tower::limit::RateLimitLayer;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// // Ten tries to connect a second, for all endpoints together.
    /// let socket = Socket::builder()
    ///     .dial_layer(RateLimitLayer::new(10, Duration::from_secs(1)))
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    pub fn dial_layer(mut self, layer: impl DialLayer) -> Self {
        self.paths.dial.push(layer);
        self
    }

    /// Adds a layer around accepting: any [`tower::Layer`] over a `Service` of
    /// [`Incoming`] peers whose response is an [`Io`], a byte stream. It may refuse a
    /// peer by its address before TLS, by its certificate after it, or by the rate. It
    /// may exchange bytes with the peer before the handshake.
    ///
    /// The first layer added is the outermost. All bound endpoints share the stack.
    ///
    /// ```text
    ///  listener ─▶ [ first ─▶ second ─▶ Acceptor: TLS ] ─▶ handshake
    /// ```
    ///
    /// The [`handshake_timeout`](SocketBuilder::handshake_timeout) includes the stack,
    /// and a connection that waits here counts among the
    /// [`max_pending_handshakes`](SocketBuilder::max_pending_handshakes). When a layer
    /// fails, the connection is closed, and
    /// [`Event::AcceptFailed`](crate::Event::AcceptFailed) reports it.
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use aiomsg::layer::Incoming;
    /// use aiomsg::peer::RemoteAddr;
    /// use tower::filter::FilterLayer;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let socket = Socket::builder()
    ///     .accept_layer(FilterLayer::new(|peer: Incoming| match peer.remote() {
    ///         RemoteAddr::Inet(address) if address.ip().is_loopback() => Ok(peer),
    ///         _ => Err("only from this machine"),
    ///     }))
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    pub fn accept_layer(mut self, layer: impl AcceptLayer) -> Self {
        self.paths.accept.push(layer);
        self
    }
}
