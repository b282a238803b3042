use std::time::Duration;

use aiomsg_core::Link;
use tower::Layer;

use super::{Heartbeat, Patience};
use crate::time::bounded;

/// Puts [`Heartbeat`] around a connection.
///
/// ```
/// use aiomsg_core::Link;
/// use aiomsg_layers::HeartbeatLayer;
/// use std::time::Duration;
///
/// let layer = HeartbeatLayer::new()
///     .interval(Duration::from_secs(1))
///     .timeout(Duration::from_secs(3))
///     .link(Link::new());
/// ```
#[derive(Debug, Clone)]
pub struct HeartbeatLayer {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) least: u64,
    pub(super) link: Option<Link>,
    pub(super) patience: Patience,
}

impl HeartbeatLayer {
    /// After how long without a send a heartbeat is sent: 5 s.
    pub const INTERVAL: Duration = Duration::from_secs(5);

    /// After how long without a byte a peer is dead: 15 s.
    pub const TIMEOUT: Duration = Duration::from_secs(15);

    /// How many bytes of an unfinished frame must come within the timeout:
    /// 1 KiB, which is less than the slowest of modems brings.
    pub const LEAST: u64 = 1024;

    /// Heartbeats at the intervals that both dialects ask for.
    pub fn new() -> Self {
        Self {
            interval: Self::INTERVAL,
            timeout: Self::TIMEOUT,
            least: Self::LEAST,
            link: None,
            patience: Patience::new(),
        }
    }

    /// Sets after how long without a send a heartbeat is sent.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = bounded(interval);
        self
    }

    /// Sets after how long without a byte a peer is dead. One that sends, and takes
    /// nothing of what waits for it, is dead after eight times as long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = bounded(timeout);
        self
    }

    /// Sets how many bytes must come within the timeout, as long as no frame is
    /// finished. A peer that drips less could keep a connection, and what it
    /// holds, for ever.
    #[must_use]
    pub fn least(mut self, bytes: u64) -> Self {
        self.least = bytes;
        self
    }

    /// While this is patient, no peer is dead.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Looks at the bytes of this connection. Without a link only whole frames
    /// count as life, and a peer that takes nothing is not noticed.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.link = Some(link);
        self
    }
}

impl Default for HeartbeatLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Layer<C> for HeartbeatLayer {
    type Service = Heartbeat<C>;

    fn layer(&self, inner: C) -> Heartbeat<C> {
        Heartbeat::new(inner, self.clone())
    }
}
