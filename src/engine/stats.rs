//! Counters.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aiomsg_core::DropReason;
use aiomsg_layers::session::Meter;

/// What a socket has done so far, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages that were handed to a connection.
    pub sent_messages: u64,
    /// Their payloads, in bytes.
    pub sent_bytes: u64,
    /// Messages that arrived.
    pub received_messages: u64,
    /// Their payloads, in bytes.
    pub received_bytes: u64,
    /// Messages that were given up; an event told of each.
    pub dropped_messages: u64,
    /// The same, by reason.
    pub drops: Drops,
    /// Messages that arrived and that a layer of the receive path refused; an
    /// event told of each.
    pub refused_messages: u64,
    /// Peers that are connected.
    pub peers: usize,
    /// Messages that wait because nobody is connected.
    pub buffered_messages: usize,
    /// Messages that wait to be received.
    pub unreceived_messages: usize,
    /// Messages that wait for an acknowledgement.
    pub unacknowledged_messages: usize,
    /// Connections that were made, in either direction.
    pub connections: u64,
    /// Tries to connect, and connections that came, that failed before a peer
    /// was there.
    pub failed_connections: u64,
}

/// Messages that were given up, by reason.
///
/// ```
/// use aiomsg::{DropReason, Socket};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let stats = Socket::new()?.stats();
/// assert_eq!(stats.drops.of(DropReason::Overflow), 0);
/// for (reason, messages) in stats.drops.iter().filter(|(_, messages)| *messages > 0) {
///     println!("{messages} dropped: {reason}");
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops([u64; REASONS]);

const REASONS: usize = DropReason::ALL.len();

impl Drops {
    /// How many were given up for this reason.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Every reason, with how many were given up for it.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().copied().zip(self.0)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) meter: Meter,
    dropped_messages: [AtomicU64; REASONS],
    pub(crate) refused_messages: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) failed_connections: AtomicU64,
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_drop(&self, reason: DropReason) {
        Self::count(&self.dropped_messages[reason as usize]);
    }

    /// What was done so far; what is held now is for others to say.
    pub(crate) fn snapshot(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let drops = self.dropped_messages.each_ref().map(read);
        Stats {
            sent_messages: self.meter.sent_messages(),
            sent_bytes: self.meter.sent_bytes(),
            received_messages: self.meter.received_messages(),
            received_bytes: self.meter.received_bytes(),
            dropped_messages: drops.iter().sum(),
            drops: Drops(drops),
            refused_messages: read(&self.refused_messages),
            connections: read(&self.connections),
            failed_connections: read(&self.failed_connections),
            ..Stats::default()
        }
    }
}
