use std::sync::Arc;
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
    /// The same for all connections of a socket, and so in one place.
    pub(super) settings: Arc<Settings>,
    pub(super) link: Option<Link>,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) least: u64,
    pub(super) patience: Patience,
}

impl HeartbeatLayer {
    /// The default time without a send before a heartbeat: 5 s.
    pub const INTERVAL: Duration = Duration::from_secs(5);

    /// The default time without a byte before a peer is dead: 15 s.
    pub const TIMEOUT: Duration = Duration::from_secs(15);

    /// The default number of bytes of an unfinished frame that must come within the
    /// timeout: 1 KiB, which is less than the slowest modem brings.
    pub const LEAST: u64 = 1024;

    /// Heartbeats at the intervals of both dialects.
    pub fn new() -> Self {
        Self {
            settings: Arc::new(Settings {
                interval: Self::INTERVAL,
                timeout: Self::TIMEOUT,
                least: Self::LEAST,
                patience: Patience::new(),
            }),
            link: None,
        }
    }

    /// Sets the time without a send before a heartbeat.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.settings_mut().interval = bounded(interval);
        self
    }

    /// Sets the time without a byte before a peer is dead. A peer that sends, and takes
    /// none of the bytes that wait for it, is dead after eight times as long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings_mut().timeout = bounded(timeout);
        self
    }

    /// Sets the number of bytes that must come within the timeout while no frame is
    /// finished. A peer that drips fewer could keep a connection, and its memory, for
    /// ever.
    #[must_use]
    pub fn least(mut self, bytes: u64) -> Self {
        self.settings_mut().least = bytes;
        self
    }

    /// Shares a switch: while it is patient, no peer is dead.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.settings_mut().patience = patience;
        self
    }

    /// Observes the bytes of this connection. Without a link, only whole frames count
    /// as life, and a peer that takes nothing is not noticed.
    #[must_use]
    pub fn link(mut self, link: Link) -> Self {
        self.link = Some(link);
        self
    }

    fn settings_mut(&mut self) -> &mut Settings {
        Arc::make_mut(&mut self.settings)
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
