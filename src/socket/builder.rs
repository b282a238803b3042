//! The settings of a socket.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::queue::{Limits, Queue};
use aiomsg_core::{BoxError, Connection, Delivery, Error, Outbound};
use aiomsg_layers::at_least_once::Settings;
use aiomsg_transport::Io;
use aiomsg_transport::framed::Framed;
use aiomsg_transport::handshake::Dialects;
use tower::layer::util::{Identity, Stack};
use tower::util::BoxService;
use tower::{Layer, Service, ServiceExt};

use super::Socket;
use crate::engine::config::Config;
use crate::engine::events::Reporter;
use crate::engine::explain;
use crate::engine::intake::{Inbox, Layered, MakeIntake, SharedService};
use crate::engine::session::Wrap;
use crate::engine::stack::StandardSend;

/// Who gets a message that is not addressed to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SendMode {
    /// One peer after the other. The default.
    #[default]
    RoundRobin,
    /// Every peer that is connected.
    Publish,
}

/// How surely a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DeliveryGuarantee {
    /// Never twice. What was handed to the system's network and not yet read
    /// by the peer is lost if the connection dies. The default.
    #[default]
    AtMostOnce,
    /// Resent until it is acknowledged, so perhaps twice, and perhaps out of
    /// order. Not for publish.
    AtLeastOnce,
}

/// Builds a [`Socket`]; every setting has a default.
///
/// ```
/// use aiomsg::{DeliveryGuarantee, Socket};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let socket = Socket::builder()
///     .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
///     .ack_timeout(Duration::from_secs(2))
///     .reconnect_delay(|failures| Duration::from_millis(100) * (failures + 1).min(20))
///     .build()?;
/// # Ok(()) }
/// ```
///
/// `L` is the stack of the layers that were added around the send path, `R`
/// that of the layers around the receive path, `C` that of the layers around
/// each connection.
#[must_use = "it does nothing until it is built"]
pub struct SocketBuilder<L = Identity, R = Identity, C = Identity> {
    config: Config,
    guarantee: DeliveryGuarantee,
    at_least_once: Settings,
    layers: L,
    receive_layers: R,
    connection_layers: C,
}

/// A socket's send path with its type erased. See
/// [`SocketBuilder::build_boxed`].
pub type BoxedSend = BoxService<Outbound, (), Error>;

impl SocketBuilder {
    pub(super) fn new() -> Self {
        Self {
            config: Config::default(),
            guarantee: DeliveryGuarantee::default(),
            at_least_once: Settings::default(),
            layers: Identity::new(),
            receive_layers: Identity::new(),
            connection_layers: Identity::new(),
        }
    }
}

impl<L, R, C> SocketBuilder<L, R, C> {
    // ===== layers =====

    /// Puts a layer around the send path: any [`tower::Layer`] over a
    /// `Service` of [`Outbound`] messages, tower's own among them.
    ///
    /// The layer that is added first is the outermost, as in tower's
    /// `ServiceBuilder`: it sees each message first.
    ///
    /// ```text
    ///  send ─▶ first ─▶ second ─▶ at-least-once ─▶ buffer ─▶ router
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
    pub fn layer<N>(self, layer: N) -> SocketBuilder<Stack<N, L>, R, C> {
        SocketBuilder {
            config: self.config,
            guarantee: self.guarantee,
            at_least_once: self.at_least_once,
            layers: Stack::new(layer, self.layers),
            receive_layers: self.receive_layers,
            connection_layers: self.connection_layers,
        }
    }

    /// Puts a layer around the receive path: any [`tower::Layer`] over a
    /// `Service` of [`Delivery`], before `recv` sees the message.
    ///
    /// The layer that is added first is the outermost: it sees each message
    /// first.
    ///
    /// ```text
    ///  connection ─▶ first ─▶ second ─▶ inbox ─▶ recv
    /// ```
    ///
    /// All connections share the stack. One message of a connection is dealt
    /// with after the other, and while the stack is not ready, or a message is
    /// in it, the connection is not read: back pressure reaches the peer. A
    /// message that asks for an acknowledgement gets it when the stack has
    /// returned `Ok`; when it fails, an
    /// [`Event::Refused`](crate::Event::Refused) tells of it, with the message.
    /// When the stack fails to become ready, the connection ends.
    ///
    /// What was read when a connection ends goes through the stack all the
    /// same; what is still in it when the socket closes is refused. A layer
    /// that holds a clone of this socket keeps it from ever being dropped.
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
    pub fn receive_layer<N>(self, layer: N) -> SocketBuilder<L, Stack<N, R>, C> {
        SocketBuilder {
            config: self.config,
            guarantee: self.guarantee,
            at_least_once: self.at_least_once,
            layers: self.layers,
            receive_layers: Stack::new(layer, self.receive_layers),
            connection_layers: self.connection_layers,
        }
    }

    /// Puts a layer around each connection: any [`tower::Layer`] from one
    /// [`Connection`](aiomsg_core::Connection) to another, which is a sink and
    /// a stream of [`Frame`](aiomsg_core::Frame)s. It is below the heartbeat
    /// and the acknowledgements, so it sees every frame.
    ///
    /// The layer that is added first is the outermost.
    ///
    /// ```text
    ///  session ─▶ heartbeat ─▶ acknowledge ─▶ first ─▶ second ─▶ framed connection
    /// ```
    ///
    /// A frame that never left comes back as the innermost layer had given it
    /// to the connection, and may be sent to another peer: a layer that
    /// changes payloads must be able to meet its own output again. With such
    /// layers each frame costs a dynamic call.
    ///
    /// ```
    /// use aiomsg::{Socket, core::Connection};
    /// use tower::layer::layer_fn;
    ///
    /// fn unchanged<C: Connection>(connection: C) -> C {
    ///     connection
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let socket = Socket::builder().connection_layer(layer_fn(unchanged)).build()?;
    /// # Ok(()) }
    /// ```
    pub fn connection_layer<N>(self, layer: N) -> SocketBuilder<L, R, Stack<N, C>> {
        SocketBuilder {
            config: self.config,
            guarantee: self.guarantee,
            at_least_once: self.at_least_once,
            layers: self.layers,
            receive_layers: self.receive_layers,
            connection_layers: Stack::new(layer, self.connection_layers),
        }
    }

    /// Builds the socket and starts what it does in the background.
    ///
    /// # Errors
    ///
    /// [`Error::is_config`] when the settings contradict each other (as
    /// at-least-once with publish), when one is out of range, and outside of a
    /// tokio runtime.
    pub fn build(self) -> Result<Socket<L::Service>, Error>
    where
        L: Layer<StandardSend>,
        L::Service: Service<Outbound, Error: Into<BoxError>, Future: Send> + Send + 'static,
        R: Layer<Inbox> + 'static,
        R::Service: Service<Delivery, Error: Into<BoxError>, Future: Send> + Send + 'static,
        C: Layer<Framed<Io>, Service: Connection + 'static> + Send + Sync + 'static,
    {
        let (config, layers, receive_layers, connection_layers) = self.into_parts();
        Socket::start(
            config,
            |standard| layers.layer(standard),
            |inbox, reporter| intake(&receive_layers, inbox, reporter),
            wrap(connection_layers),
        )
    }

    /// Builds the socket with the type of its layers erased, for whoever must
    /// name it: `Socket<BoxedSend>`. That costs a box for each message.
    ///
    /// # Errors
    ///
    /// As for [`build`](SocketBuilder::build).
    pub fn build_boxed(self) -> Result<Socket<BoxedSend>, Error>
    where
        L: Layer<StandardSend>,
        L::Service: Service<Outbound, Error: Into<BoxError>, Future: Send> + Send + 'static,
        R: Layer<Inbox> + 'static,
        R::Service: Service<Delivery, Error: Into<BoxError>, Future: Send> + Send + 'static,
        C: Layer<Framed<Io>, Service: Connection + 'static> + Send + Sync + 'static,
    {
        let (config, layers, receive_layers, connection_layers) = self.into_parts();
        Socket::start(
            config,
            |standard| {
                let stack = layers.layer(standard);
                BoxService::new(stack.map_response(drop).map_err(explain))
            },
            |inbox, reporter| intake(&receive_layers, inbox, reporter),
            wrap(connection_layers),
        )
    }

    fn into_parts(mut self) -> (Config, L, R, C) {
        self.config.at_least_once = match self.guarantee {
            DeliveryGuarantee::AtMostOnce => None,
            DeliveryGuarantee::AtLeastOnce => Some(self.at_least_once),
        };
        (
            self.config,
            self.layers,
            self.receive_layers,
            self.connection_layers,
        )
    }

    // ===== sending =====

    /// Who gets a message that is not addressed. Default: round robin.
    pub fn send_mode(mut self, mode: SendMode) -> Self {
        self.config.send_mode = mode;
        self
    }

    /// How surely messages arrive. Default: at-most-once.
    pub fn delivery_guarantee(mut self, guarantee: DeliveryGuarantee) -> Self {
        self.guarantee = guarantee;
        self
    }

    /// Under at-least-once, how long an acknowledgement may take. Default:
    /// 5 s.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.at_least_once.timeout = timeout;
        self
    }

    /// Under at-least-once, how often a message is sent again before it is
    /// given up. Default: 5 times.
    pub fn max_resends(mut self, resends: u32) -> Self {
        self.at_least_once.max_resends = resends;
        self
    }

    /// Under at-least-once, how much may wait for acknowledgements; a `send`
    /// beyond that waits. Default: 65,536 messages or 64 MiB.
    pub fn unacknowledged_limits(mut self, limits: Limits) -> Self {
        self.at_least_once.limits = limits;
        self
    }

    /// How much may wait for one peer; a `send` beyond that waits. Default:
    /// 8,192 messages or 1 MiB. A single message above the limit in bytes
    /// passes.
    pub fn peer_limits(mut self, limits: Limits) -> Self {
        self.config.peer_limits = limits;
        self
    }

    /// How much may wait while nobody is connected; a `send` beyond that
    /// waits. Default: 65,536 messages or 64 MiB.
    pub fn buffer_limits(mut self, limits: Limits) -> Self {
        self.config.buffer_limits = limits;
        self
    }

    /// How much may wait for absent peers to which it is addressed; a
    /// `send_to` beyond that waits. Default: 65,536 messages or 64 MiB, for
    /// all of them together.
    pub fn absent_limits(mut self, limits: Limits) -> Self {
        self.config.mailboxes.limits = limits;
        self
    }

    /// How long a message waits for an absent peer before it is given up.
    /// Default: 60 s.
    pub fn absent_timeout(mut self, timeout: Duration) -> Self {
        self.config.mailboxes.keep = timeout;
        self
    }

    // ===== receiving =====

    /// How much may wait to be received; beyond that, connections are not
    /// read, which holds their peers back. Default: 65,536 messages or 64 MiB.
    pub fn receive_limits(mut self, limits: Limits) -> Self {
        self.config.receive_limits = limits;
        self
    }

    /// The largest message that is sent or taken, in bytes. A peer that sends
    /// a larger one is disconnected. Default: 64 MiB.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.config.max_message = bytes;
        self
    }

    // ===== who we are =====

    /// The identity under which peers know this socket. Default: 16 random
    /// bytes. One of another length works in the 2019 dialect only.
    pub fn identity(mut self, identity: impl Into<aiomsg_core::Identity>) -> Self {
        self.config.identity = identity.into();
        self
    }

    /// Which dialects are spoken. Default: both, and v1 with a peer that lets
    /// us choose.
    pub fn dialects(mut self, dialects: Dialects) -> Self {
        self.config.dialects = dialects;
        self
    }

    /// How long a peer may be silent before it is spoken to in the preferred
    /// dialect. Default: 1 s.
    pub fn dialect_patience(mut self, patience: Duration) -> Self {
        self.config.dialect_patience = patience;
        self
    }

    /// What `tls://` endpoints need: our certificate, and whom we trust.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::TlsConfig) -> Self {
        self.config.tls = Some(tls);
        self
    }

    // ===== connections =====

    /// After how long without a send a heartbeat is sent. Default: 5 s.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.config.heartbeat_interval = interval;
        self
    }

    /// After how long a peer of which no byte arrives, or which takes none of
    /// the bytes that wait for it, is dead. Default: 15 s.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.config.heartbeat_timeout = timeout;
        self
    }

    /// How long connecting, TLS and the handshake may take together. Default:
    /// 10 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.config.handshake_timeout = timeout;
        self
    }

    /// How long to wait before connecting again, from the number of tries in
    /// a row that failed. Default: from about 0.1 s, twice as long each time,
    /// up to 10 s, spread at random.
    pub fn reconnect_delay(
        mut self,
        delay: impl Fn(u32) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.config.reconnect_delay = Arc::new(delay);
        self
    }

    /// How long a connection must last for the delays to start anew. Default:
    /// 1 s.
    pub fn reconnect_good_after(mut self, good_after: Duration) -> Self {
        self.config.reconnect_good_after = good_after;
        self
    }

    /// When a second connection comes with the identity of one that we have,
    /// how long the first has to show that it is alive before the second takes
    /// its place. Default: 6 s, which is a little more than the time between
    /// heartbeats. At most a day.
    pub fn takeover_timeout(mut self, timeout: Duration) -> Self {
        // It is added to the present, which must not overflow.
        self.config.probe_timeout = timeout.min(Duration::from_secs(24 * 3600));
        self
    }

    /// How many handshakes may be under way for one bound endpoint; beyond
    /// that the oldest is ended. Default: 1,024.
    pub fn max_pending_handshakes(mut self, count: usize) -> Self {
        self.config.max_pending_handshakes = count;
        self
    }

    /// How many peers may be connected. Default: 65,536.
    pub fn max_peers(mut self, count: usize) -> Self {
        self.config.max_peers = count;
        self
    }

    /// How many connections the system may hold for us before we accept them.
    /// Default: 1,024.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.config.backlog = backlog;
        self
    }

    /// How many events are kept for a slow listener. Default: 1,024.
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.config.event_capacity = events;
        self
    }
}

/// How sessions fill the inbox. `None`: straight, as there are no layers.
fn intake<R>(layers: &R, inbox: &Queue<Delivery>, reporter: &Reporter) -> Option<MakeIntake>
where
    R: Layer<Inbox> + 'static,
    R::Service: Service<Delivery, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    if TypeId::of::<R>() == TypeId::of::<Identity>() {
        return None;
    }
    let service = layers.layer(Inbox(inbox.clone()));
    let shared = Arc::new(SharedService::new(service));
    let reporter = reporter.clone();
    Some(Arc::new(move || {
        Box::new(Layered::new(Arc::clone(&shared), reporter.clone()))
    }))
}

/// How connections get their layers. `None`: there are none.
fn wrap<C>(layers: C) -> Option<Wrap>
where
    C: Layer<Framed<Io>, Service: Connection + 'static> + Send + Sync + 'static,
{
    if TypeId::of::<C>() == TypeId::of::<Identity>() {
        return None;
    }
    Some(Arc::new(move |framed| Box::new(layers.layer(framed))))
}
