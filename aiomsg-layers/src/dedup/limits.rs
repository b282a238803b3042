use std::time::Duration;

/// What a [`DedupLayer`](super::DedupLayer) remembers at most.
///
/// ```
/// use aiomsg_layers::DedupLayer;
/// use aiomsg_layers::dedup::DedupLimits;
/// use std::time::Duration;
///
/// let limits = DedupLimits::new().per_peer(1_000).keep(Duration::from_secs(60));
/// let layer = DedupLayer::with_limits(limits);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DedupLimits {
    pub(super) per_peer: usize,
    pub(super) total: usize,
    pub(super) peers: usize,
    pub(super) keep: Duration,
}

impl DedupLimits {
    /// The default number of remembered messages of one peer: 65,536.
    pub const PER_PEER: usize = 65_536;

    /// The default number of remembered messages of all peers: 524,288. They take some
    /// 50 MB, and 140 MB at most.
    pub const TOTAL: usize = 524_288;

    /// The default number of peers with remembered messages: 65,536. They take some 30 MB.
    pub const PEERS: usize = 65_536;

    /// The default time to remember a message: 5 minutes. That is longer than a sender
    /// with default settings resends it.
    pub const KEEP: Duration = Duration::from_secs(300);

    /// The defaults: 5 minutes and 65,536 messages for each of 65,536 peers, and 524,288
    /// messages in all.
    pub fn new() -> Self {
        Self {
            per_peer: Self::PER_PEER,
            total: Self::TOTAL,
            peers: Self::PEERS,
            keep: Self::KEEP,
        }
    }

    /// Sets the number of remembered messages of each peer. Beyond it, the peer's oldest
    /// are forgotten.
    #[must_use]
    pub fn per_peer(mut self, messages: usize) -> Self {
        self.per_peer = messages;
        self
    }

    /// Sets the number of remembered messages of all peers. Beyond it, peers with the
    /// most remembered messages lose their oldest.
    #[must_use]
    pub fn total(mut self, messages: usize) -> Self {
        self.total = messages;
        self
    }

    /// Sets the number of peers with remembered messages. Beyond it, a peer with the
    /// fewest is forgotten: see [the module](crate::dedup).
    #[must_use]
    pub fn peers(mut self, peers: usize) -> Self {
        self.peers = peers;
        self
    }

    /// Sets the time to remember a message.
    #[must_use]
    pub fn keep(mut self, time: Duration) -> Self {
        self.keep = time;
        self
    }
}

impl Default for DedupLimits {
    fn default() -> Self {
        Self::new()
    }
}
