//! The settings, and their defaults.

use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::{Addresses, BoxError, HeaderLimits, Limits, Name, Outbound};
use aiomsg_layers::Overflow;
use aiomsg_layers::distribute::Policy;
use aiomsg_layers::queue::Queue;
use aiomsg_transport::handshake::Dialects;
use tower::{Service, ServiceExt};

use super::SocketBuilder;
use crate::engine::config::Resolver;
use crate::{AckMode, DeliveryGuarantee, SendMode};

impl<L, M> SocketBuilder<L, M> {
    // ===== sending =====

    /// Sets the distribution of messages that are not addressed to a peer. Default:
    /// round robin.
    pub fn send_mode(mut self, mode: SendMode) -> Self {
        self.settings.config.send_mode = mode;
        self
    }

    /// Sets the policy that distributes messages, in place of a
    /// [`send_mode`](SocketBuilder::send_mode): your own, or one of
    /// [`layers`](crate::parts::layers).
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use aiomsg::layer::Topics;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// // Each message goes to the subscribers of its topic.
    /// let topics = Topics::new();
    /// let news = Socket::builder()
    ///     .policy(topics.policy())
    ///     .connection_layer(topics.layer())
    ///     .build()?;
    /// # Ok(()) }
    /// ```
    pub fn policy(mut self, policy: impl Policy<Queue<Outbound>> + Send + 'static) -> Self {
        self.settings.policy = Some(Box::new(policy));
        self
    }

    /// Sets the delivery guarantee. Default: at-most-once.
    pub fn delivery_guarantee(mut self, guarantee: DeliveryGuarantee) -> Self {
        self.settings.guarantee = guarantee;
        self
    }

    /// Sets the time to wait for an acknowledgement before a resend, under
    /// at-least-once: at least 1 ms. Default: 5 s.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.settings.at_least_once.timeout = timeout;
        self
    }

    /// Sets the number of resends before a message is dropped, under at-least-once.
    /// Default: 5.
    pub fn max_resends(mut self, resends: u32) -> Self {
        self.settings.at_least_once.max_resends = resends;
        self
    }

    /// Bounds the unacknowledged messages, under at-least-once. Beyond it `send` waits.
    /// Messages addressed to one peer take three quarters of it at most, which leaves
    /// room for the others. Default: 65,536 messages or 64 MiB.
    pub fn unacknowledged_limits(mut self, limits: Limits) -> Self {
        self.settings.at_least_once.limits = limits;
        self
    }

    /// Bounds the queue of each peer. Beyond it `send` waits. A single message above
    /// the limit in bytes passes. Default: 8,192 messages or 1 MiB.
    pub fn peer_limits(mut self, limits: Limits) -> Self {
        self.settings.config.peer_limits = limits;
        self
    }

    /// Sets what happens to a message when there is no room: in the queues of its
    /// peers, in the buffer for the time without peers, or in the mailbox of an absent
    /// peer. Default: `send` waits.
    ///
    /// ```
    /// use aiomsg::builder::Overflow;
    /// use aiomsg::Socket;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// // A slow subscriber loses old prices, and holds up no other.
    /// let prices = Socket::builder().publish().overflow(Overflow::DropOldest).build()?;
    /// # Ok(()) }
    /// ```
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.config.overflow = overflow;
        self
    }

    /// Bounds the buffer for the time without a connected peer. Beyond it `send` waits.
    /// Default: 65,536 messages or 64 MiB.
    pub fn buffer_limits(mut self, limits: Limits) -> Self {
        self.settings.config.buffer_limits = limits;
        self
    }

    /// Bounds the messages addressed to absent peers, for all of them together. Beyond
    /// it `send_to` waits. With 0, `send_to` waits until its peer connects. Default:
    /// 65,536 messages or 64 MiB.
    ///
    /// One peer takes three quarters of it at most, and less when more peers are absent:
    /// a peer may have one more message while it has less than three times the free
    /// room. A limit of three messages or less is not shared.
    pub fn absent_limits(mut self, limits: Limits) -> Self {
        self.settings.config.mailboxes.limits = limits;
        self
    }

    /// Sets the time that a message waits for an absent peer before it is dropped.
    /// Default: 60 s.
    pub fn absent_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.mailboxes.keep = timeout;
        self
    }

    // ===== receiving =====

    /// Sets when a message that asks for it is acknowledged. Default: when it is in the
    /// inbox.
    pub fn ack_mode(mut self, mode: AckMode) -> Self {
        self.settings.config.ack_mode = mode;
        self
    }

    /// Bounds the inbox. Beyond it connections are not read, which holds their peers
    /// back. With layers of the receive path, as much again may wait for these. Default:
    /// 65,536 messages or 64 MiB.
    pub fn receive_limits(mut self, limits: Limits) -> Self {
        self.settings.config.receive_limits = limits;
        self
    }

    /// Sets the largest message to send or receive, in bytes. A peer that sends a
    /// larger one is disconnected. Default: 64 MiB.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.settings.config.max_message = bytes;
        self
    }

    /// Sets how many headers a message may have, in both directions. A peer that sends more
    /// is disconnected. Requests and their answers have headers of their own: up to 4, and 2 KiB.
    /// Default: 32 headers and 8 KiB.
    pub fn header_limits(mut self, limits: HeaderLimits) -> Self {
        self.settings.config.header_limits = limits;
        self
    }

    /// Sets whether a message with headers is dropped, for
    /// [`NoHeaders`](aiomsg_core::DropReason::NoHeaders), if its peer speaks the 2019 dialect,
    /// which has no headers. Default: `false`, it is sent without them, and
    /// [counted](crate::stats::Stats::headers_left_out).
    pub fn require_headers(mut self, required: bool) -> Self {
        self.settings.config.require_headers = required;
        self
    }

    /// Bounds the incomplete received messages, in bytes, for all connections together.
    /// Messages of more than 64 KiB count, each with its whole buffer. A single message
    /// never exceeds the bound. Default: four times
    /// [`max_message_size`](SocketBuilder::max_message_size), and at least 256 MiB.
    ///
    /// Beyond the bound, the connection with the slowest message is ended: one that has
    /// stopped in the middle, or drips, before any that is fast. Its
    /// [`PeerDown`](crate::Event::PeerDown) has an error of kind
    /// [`Limit`](crate::ErrorKind::Limit).
    pub fn max_incomplete_bytes(mut self, bytes: usize) -> Self {
        self.settings.config.max_incomplete = Some(bytes);
        self
    }

    // ===== identity, dialects, certificates =====

    /// Sets the identity of this socket, which its peers see. Another length than 16
    /// bytes works in the 2019 dialect only. Default: 16 random bytes.
    pub fn identity(mut self, identity: impl Into<aiomsg_core::Identity>) -> Self {
        self.settings.config.identity = identity.into();
        self
    }

    /// Sets the dialects of the socket. Default: both, and v1 if the peer leaves the
    /// choice.
    pub fn dialects(mut self, dialects: Dialects) -> Self {
        self.settings.config.dialects = dialects;
        self
    }

    /// Sets the time to wait for a silent peer before the socket speaks first, in the
    /// preferred dialect. Default: 1 s.
    pub fn dialect_patience(mut self, patience: Duration) -> Self {
        self.settings.config.dialect_patience = patience;
        self
    }

    /// Sets our certificate and the trusted ones, for `tls://` endpoints.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::TlsConfig) -> Self {
        self.settings.config.tls = Some(tls);
        self
    }

    // ===== websocket =====

    /// Accepts browsers and other peers that connect by WebSocket, as this guard allows: on
    /// every `tcp://` and `tls://` endpoint that this socket binds, beside raw peers.
    ///
    /// By default no such peer is accepted. The layers of
    /// [`accept_layer`](SocketBuilder::accept_layer) are around this.
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use aiomsg::websocket::WebSocketGuard;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let guard = WebSocketGuard::new().origins(["https://example.org"]);
    /// let board = Socket::builder().publish().websocket(guard).build()?;
    /// let endpoint = board.bind("127.0.0.1:0").await?;
    ///
    /// let client = Socket::new()?;
    /// client.connect(format!("ws://127.0.0.1:{}/", endpoint.port().unwrap()))?;
    /// board.wait_for_peers(1).await?;
    /// board.send("news").await?;
    /// assert_eq!(client.recv().await?, "news");
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "websocket")]
    pub fn websocket(mut self, guard: crate::websocket::WebSocketGuard) -> Self {
        self.settings.config.websocket = Some(guard);
        self
    }

    /// Adds a header to the requests for `ws://` and `wss://` endpoints, such as the token
    /// that an ingress wants. [`build`](SocketBuilder::build) fails if HTTP does not allow the
    /// name or the value, or if the header belongs to the upgrade itself.
    #[cfg(feature = "websocket")]
    pub fn websocket_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let headers = &mut self.settings.config.websocket_headers;
        headers.push((name.into(), value.into()));
        self
    }

    // ===== connections =====

    /// Sets the time without a send after which a heartbeat is sent: at least 1 ms, and
    /// less than [`heartbeat_timeout`](SocketBuilder::heartbeat_timeout). Default: 5 s.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.settings.config.heartbeat_interval = interval;
        self
    }

    /// Sets the time after which a silent peer is dead. A peer that sends is dead when
    /// it has taken none of its waiting bytes for eight times as long. Default: 15 s.
    ///
    /// On Linux, a peer has taken the bytes that its system has acknowledged. Elsewhere
    /// the bytes that our own system takes count, which may be none for a long time on a
    /// slow link.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.heartbeat_timeout = timeout;
        self
    }

    /// Sets the deadline for connecting, TLS and the handshake together: at least 1 ms.
    /// Default: 10 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.handshake_timeout = timeout;
        self
    }

    /// Sets the delay before the next try to connect, as a function of the number of
    /// failures in a row. Default: about 0.1 s, doubled each time, up to 10 s, with
    /// random spread.
    pub fn reconnect_delay(
        mut self,
        delay: impl Fn(u32) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.settings.config.reconnect_delay = Arc::new(delay);
        self
    }

    /// Sets how long a connection must last to reset the delays. Default: 1 s.
    pub fn reconnect_good_after(mut self, good_after: Duration) -> Self {
        self.settings.config.reconnect_good_after = good_after;
        self
    }

    /// Sets the resolver for [`Socket::connect_all`](crate::Socket::connect_all): a
    /// service of [`Name`](crate::resolve::Name)s whose response is
    /// [`Addresses`](crate::resolve::Addresses), for example of a service registry.
    /// tower's layers go around it. Default: `DnsResolver` with the feature `dns`, and
    /// without it [`SystemResolver`](crate::resolve::SystemResolver).
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use aiomsg::layer::BoxError;
    /// use aiomsg::resolve::{Addresses, Name};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let registry = tower::service_fn(|name: Name| async move {
    ///     let addresses = [[127, 0, 0, 1], [127, 0, 0, 2]].map(|ip| (ip, name.port()).into());
    ///     Ok::<_, BoxError>(Addresses::new(addresses))
    /// });
    /// let socket = Socket::builder().resolver(registry).build()?;
    /// socket.connect_all("tcp://workers:25000")?;
    /// # Ok(()) }
    /// ```
    pub fn resolver<R>(mut self, resolver: R) -> Self
    where
        R: Service<Name, Response = Addresses, Error: Into<BoxError>, Future: Send + 'static>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.settings.config.resolver = Resolver::new(resolver.map_err(Into::into));
        self
    }

    /// Sets the time between two lookups of a name by
    /// [`Socket::connect_all`](crate::Socket::connect_all), if the answers have no time to
    /// live: at least 1 ms. It is also the longest time until a failed lookup is repeated.
    /// Default: 30 s. Thirty years and more stand for ever.
    pub fn resolve_interval(mut self, interval: Duration) -> Self {
        self.settings.config.resolve_interval = interval;
        self
    }

    /// Bounds the connections of one call of
    /// [`Socket::connect_all`](crate::Socket::connect_all). Of more addresses, some are
    /// chosen at random. Default: 256.
    pub fn max_addresses(mut self, count: usize) -> Self {
        self.settings.config.max_addresses = count;
        self
    }

    /// Sets the time for a connection to show that it is alive when a second one comes
    /// with the same identity. Afterwards the second replaces it. Default: 6 s, a little
    /// more than the time between heartbeats. At most a day.
    pub fn takeover_timeout(mut self, timeout: Duration) -> Self {
        // It is added to the present, which must not overflow.
        self.settings.config.probe_timeout = timeout.min(Duration::from_secs(24 * 3600));
        self
    }

    /// Bounds the handshakes under way at one bound endpoint. Beyond it, the oldest of
    /// the address with the most is ended. Default: 1,024.
    pub fn max_pending_handshakes(mut self, count: usize) -> Self {
        self.settings.config.max_pending_handshakes = count;
        self
    }

    /// Bounds the handshakes under way with one address. Beyond it, the oldest with this
    /// address is ended. The addresses of an IPv6 network of 64 bits count as one.
    /// Default: half of
    /// [`max_pending_handshakes`](SocketBuilder::max_pending_handshakes).
    pub fn max_pending_handshakes_per_address(mut self, count: usize) -> Self {
        self.settings.config.max_pending_handshakes_per_address = Some(count);
        self
    }

    /// Bounds the number of connected peers. Default: 65,536.
    pub fn max_peers(mut self, count: usize) -> Self {
        self.settings.config.max_peers = count;
        self
    }

    /// Bounds the connections that the system queues until they are accepted. Default:
    /// 4,096, which is the most that systems usually allow. A peer that finds the queue
    /// full tries again after a second, so with a small one a flood of strangers delays
    /// good peers.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.settings.config.backlog = backlog;
        self
    }

    /// Sets the mode of the files of bound Unix sockets, for example `0o660`. It decides
    /// who may connect, on systems that check it, and is set before anyone can connect.
    /// An abstract name has no file, so binding one fails with a mode. Default: set by the
    /// umask of the process.
    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.settings.config.unix_mode = Some(mode);
        self
    }

    /// Bounds the number of events kept for a slow listener: at least 1, and at most
    /// 65,536, even if more are set. Default: 1,024.
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.settings.config.event_capacity = events;
        self
    }

    /// Bounds the dropped and refused messages in the events kept for a slow listener,
    /// in bytes. Beyond it the listener loses its oldest events, and
    /// [`Event::Missed`](crate::Event::Missed) counts them. A single larger message is
    /// kept. With 0, no other event is kept beside one with a message. Default: 64 MiB.
    pub fn event_bytes(mut self, bytes: usize) -> Self {
        self.settings.config.event_bytes = bytes;
        self
    }
}
