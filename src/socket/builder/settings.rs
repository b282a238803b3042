//! The settings, and their defaults.

use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::{Limits, Outbound};
use aiomsg_layers::queue::Queue;
use aiomsg_layers::route::{Overflow, Policy};
use aiomsg_transport::handshake::Dialects;

use super::SocketBuilder;
use crate::{AckMode, DeliveryGuarantee, SendMode};

impl<L, R, C, D, A, M> SocketBuilder<L, R, C, D, A, M> {
    // ===== sending =====

    /// Who gets a message that is not addressed. Default: round robin.
    pub fn send_mode(mut self, mode: SendMode) -> Self {
        self.settings.config.send_mode = mode;
        self
    }

    /// Who gets a message that is not addressed, by a policy of one's own or
    /// one of those in [`layers`](crate::layers): instead of a
    /// [`send_mode`](SocketBuilder::send_mode).
    ///
    /// ```
    /// use aiomsg::Socket;
    /// use aiomsg::layers::topics::Topics;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// // To the peers that have subscribed to what a message begins with.
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

    /// How surely messages arrive. Default: at-most-once.
    pub fn delivery_guarantee(mut self, guarantee: DeliveryGuarantee) -> Self {
        self.settings.guarantee = guarantee;
        self
    }

    /// Under at-least-once, how long an acknowledgement may take: at least 1 ms.
    /// Default: 5 s.
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.settings.at_least_once.timeout = timeout;
        self
    }

    /// Under at-least-once, how often a message is sent again before it is
    /// given up. Default: 5 times.
    pub fn max_resends(mut self, resends: u32) -> Self {
        self.settings.at_least_once.max_resends = resends;
        self
    }

    /// Under at-least-once, how much may wait for acknowledgements; a `send`
    /// beyond that waits. What is addressed to one peer has three quarters of it at
    /// most, so that something is left for the others. Default: 65,536 messages or
    /// 64 MiB.
    pub fn unacknowledged_limits(mut self, limits: Limits) -> Self {
        self.settings.at_least_once.limits = limits;
        self
    }

    /// How much may wait for one peer; a `send` beyond that waits. Default:
    /// 8,192 messages or 1 MiB. A single message above the limit in bytes
    /// passes.
    pub fn peer_limits(mut self, limits: Limits) -> Self {
        self.settings.config.peer_limits = limits;
        self
    }

    /// What is done with a message for which there is no room: at the peers
    /// that would get it, or in the buffers for the time without peers and for
    /// absent ones. Default: `send` waits.
    ///
    /// ```
    /// use aiomsg::{Overflow, Socket};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// // A slow subscriber loses old prices, and holds up nobody.
    /// let prices = Socket::builder().publish().overflow(Overflow::DropOldest).build()?;
    /// # Ok(()) }
    /// ```
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.config.overflow = overflow;
        self
    }

    /// How much may wait while nobody is connected; a `send` beyond that
    /// waits. Default: 65,536 messages or 64 MiB.
    pub fn buffer_limits(mut self, limits: Limits) -> Self {
        self.settings.config.buffer_limits = limits;
        self
    }

    /// How much may wait for absent peers to which it is addressed; a
    /// `send_to` beyond that waits. With 0 nothing does, and a `send_to` waits until
    /// its peer is there. Default: 65,536 messages or 64 MiB, for
    /// all of them together. One peer has three quarters of it at most, and less
    /// when more of them are absent: as long as it has less than three times what is
    /// free, one more message may wait for it. A limit of three messages or less is
    /// not shared.
    pub fn absent_limits(mut self, limits: Limits) -> Self {
        self.settings.config.mailboxes.limits = limits;
        self
    }

    /// How long a message waits for an absent peer before it is given up.
    /// Default: 60 s.
    pub fn absent_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.mailboxes.keep = timeout;
        self
    }

    // ===== receiving =====

    /// When a message that asks for it is acknowledged. Default: when it is
    /// in the inbox.
    pub fn ack_mode(mut self, mode: AckMode) -> Self {
        self.settings.config.ack_mode = mode;
        self
    }

    /// How much may wait to be received; beyond that, connections are not
    /// read, which holds their peers back. With layers of the receive path, as much
    /// again may wait for these. Default: 65,536 messages or 64 MiB.
    pub fn receive_limits(mut self, limits: Limits) -> Self {
        self.settings.config.receive_limits = limits;
        self
    }

    /// The largest message that is sent or taken, in bytes. A peer that sends
    /// a larger one is disconnected. Default: 64 MiB.
    pub fn max_message_size(mut self, bytes: usize) -> Self {
        self.settings.config.max_message = bytes;
        self
    }

    /// How many bytes may be held of messages that have begun to come and are not
    /// yet whole, for all connections together. Messages of more than 64 KiB take
    /// part, each with the buffer that it is read into. Beyond the bound, the
    /// connection whose message comes slowest is ended, with an error of kind
    /// [`Limit`](crate::ErrorKind::Limit) in its
    /// [`PeerDown`](crate::Event::PeerDown): one that comes to a stop in the middle, or
    /// drips, before any that comes fast. A message that is alone is never too much.
    /// Default: four times [`max_message_size`](SocketBuilder::max_message_size), and
    /// at least 256 MiB.
    pub fn max_incomplete_bytes(mut self, bytes: usize) -> Self {
        self.settings.config.max_incomplete = Some(bytes);
        self
    }

    // ===== who we are =====

    /// The identity under which peers know this socket. Default: 16 random
    /// bytes. One of another length works in the 2019 dialect only.
    pub fn identity(mut self, identity: impl Into<aiomsg_core::Identity>) -> Self {
        self.settings.config.identity = identity.into();
        self
    }

    /// Which dialects are spoken. Default: both, and v1 with a peer that lets
    /// us choose.
    pub fn dialects(mut self, dialects: Dialects) -> Self {
        self.settings.config.dialects = dialects;
        self
    }

    /// How long a peer may be silent before it is spoken to in the preferred
    /// dialect. Default: 1 s.
    pub fn dialect_patience(mut self, patience: Duration) -> Self {
        self.settings.config.dialect_patience = patience;
        self
    }

    /// What `tls://` endpoints need: our certificate, and whom we trust.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: crate::TlsConfig) -> Self {
        self.settings.config.tls = Some(tls);
        self
    }

    // ===== connections =====

    /// After how long without a send a heartbeat is sent: at least 1 ms, and less
    /// than [`heartbeat_timeout`](SocketBuilder::heartbeat_timeout). Default: 5 s.
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.settings.config.heartbeat_interval = interval;
        self
    }

    /// After how long a peer is dead of which no byte arrives, or which takes none of
    /// the bytes that wait for it and is not heard meanwhile. One that is heard is
    /// dead when it has taken none for eight times as long. Default: 15 s.
    ///
    /// On Linux, a peer takes what its system has acknowledged. Elsewhere it is what
    /// our own system takes, which may be nothing for long where a link is slow.
    pub fn heartbeat_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.heartbeat_timeout = timeout;
        self
    }

    /// How long connecting, TLS and the handshake may take together: at least
    /// 1 ms. Default: 10 s.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.settings.config.handshake_timeout = timeout;
        self
    }

    /// How long to wait before connecting again, from the number of tries in
    /// a row that failed. Default: from about 0.1 s, twice as long each time,
    /// up to 10 s, spread at random.
    pub fn reconnect_delay(
        mut self,
        delay: impl Fn(u32) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.settings.config.reconnect_delay = Arc::new(delay);
        self
    }

    /// How long a connection must last for the delays to start anew. Default:
    /// 1 s.
    pub fn reconnect_good_after(mut self, good_after: Duration) -> Self {
        self.settings.config.reconnect_good_after = good_after;
        self
    }

    /// When a second connection comes with the identity of one that we have,
    /// how long the first has to show that it is alive before the second takes
    /// its place. Default: 6 s, which is a little more than the time between
    /// heartbeats. At most a day.
    pub fn takeover_timeout(mut self, timeout: Duration) -> Self {
        // It is added to the present, which must not overflow.
        self.settings.config.probe_timeout = timeout.min(Duration::from_secs(24 * 3600));
        self
    }

    /// How many handshakes may be under way for one bound endpoint. Beyond that
    /// one is ended: the oldest of the address that has the most. Default:
    /// 1,024.
    pub fn max_pending_handshakes(mut self, count: usize) -> Self {
        self.settings.config.max_pending_handshakes = count;
        self
    }

    /// How many of them may be with one address; beyond that the oldest with
    /// this address is ended. The addresses of an IPv6 network of 64 bits count
    /// as one. Default: half of
    /// [`max_pending_handshakes`](SocketBuilder::max_pending_handshakes).
    pub fn max_pending_handshakes_per_address(mut self, count: usize) -> Self {
        self.settings.config.max_pending_handshakes_per_address = Some(count);
        self
    }

    /// How many peers may be connected. Default: 65,536.
    pub fn max_peers(mut self, count: usize) -> Self {
        self.settings.config.max_peers = count;
        self
    }

    /// How many connections the system may hold for us before we accept them.
    /// Default: 4,096, which is the most that systems allow, as a rule. A peer
    /// that finds it full tries again after a second, so that a small one lets a
    /// flood of strangers delay good peers.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.settings.config.backlog = backlog;
        self
    }

    /// Sets the mode of the files of Unix sockets that are bound, as `0o660`: who
    /// may connect, on systems where that is asked. It is set before anybody can
    /// connect. The default is what the umask of the process leaves. A socket with
    /// an abstract name has none, and is not bound then.
    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.settings.config.unix_mode = Some(mode);
        self
    }

    /// How many events are kept for a slow listener: at least 1, and 65,536 at
    /// most, also when more are asked for. Default: 1,024.
    pub fn event_capacity(mut self, events: usize) -> Self {
        self.settings.config.event_capacity = events;
        self
    }

    /// How many bytes the messages may have in the events that are kept for a slow
    /// listener: those that were dropped or refused. Beyond it the listener loses its
    /// oldest events, and is told how many. A single one that is larger is kept. With 0
    /// no other event is kept beside one with a message. Default: 64 MiB.
    pub fn event_bytes(mut self, bytes: usize) -> Self {
        self.settings.config.event_bytes = bytes;
        self
    }
}
