//! The counters of a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aiomsg_core::{DropReason, ErrorKind};
use aiomsg_layers::session::Meter;

/// Counters of a socket: totals so far, and current contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages given to a connection.
    pub sent_messages: u64,
    /// The bytes of their payloads.
    pub sent_bytes: u64,
    /// Received messages.
    pub received_messages: u64,
    /// The bytes of their payloads.
    pub received_bytes: u64,
    /// Dropped messages. An event has reported each.
    pub dropped_messages: u64,
    /// Dropped messages by reason.
    pub drops: Drops,
    /// Messages that were sent without their headers, which the 2019 dialect does not have.
    pub headers_left_out: u64,
    /// Received messages that a layer of the receive path refused. An event has reported
    /// each.
    pub refused_messages: u64,
    /// Those of the refused messages that `serve` did not begin, because their senders had
    /// stopped waiting.
    pub expired_messages: u64,
    /// Connected peers.
    pub peers: usize,
    /// Messages that wait while no peer is connected.
    pub buffered_messages: usize,
    /// Their bytes, as [`SocketBuilder::buffer_limits`](crate::SocketBuilder::buffer_limits)
    /// counts them.
    pub buffered_bytes: usize,
    /// Messages in the inbox.
    pub unreceived_messages: usize,
    /// Their bytes, as [`SocketBuilder::receive_limits`](crate::SocketBuilder::receive_limits)
    /// counts them.
    pub unreceived_bytes: usize,
    /// Unacknowledged messages.
    pub unacknowledged_messages: usize,
    /// Their bytes, as
    /// [`SocketBuilder::unacknowledged_limits`](crate::SocketBuilder::unacknowledged_limits)
    /// counts them.
    pub unacknowledged_bytes: usize,
    /// Under at-least-once, how many times a message has been sent again.
    pub resent_messages: u64,
    /// Connections made, in either direction.
    pub connections: u64,
    /// Outgoing and incoming connections that failed before they had a peer.
    pub failed_connections: u64,
    /// Those of them that this end had dialled, by the kind of the error.
    pub failed_dials: FailuresByKind,
    /// The incoming ones, by the kind of the error.
    pub failed_accepts: FailuresByKind,
}

/// The numbers of dropped messages by reason.
///
/// ```
/// use aiomsg::message::DropReason;
/// use aiomsg::Socket;
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
    /// Returns the number of messages dropped for this reason.
    pub fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Iterates over all reasons, with the number of messages dropped for each.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().copied().zip(self.0)
    }
}

/// The numbers of failures by the kind of the error.
///
/// ```
/// use aiomsg::{ErrorKind, Socket};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
/// let stats = Socket::new()?.stats();
/// assert_eq!(stats.failed_dials.of(ErrorKind::Tls), 0);
/// for (kind, failures) in stats.failed_dials.iter().filter(|(_, failures)| *failures > 0) {
///     println!("{failures} dials failed: {}", kind.name());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailuresByKind([u64; KINDS]);

const KINDS: usize = ErrorKind::ALL.len();

impl FailuresByKind {
    /// Returns the number of failures of this kind.
    pub fn of(&self, kind: ErrorKind) -> u64 {
        self.0[kind as usize]
    }

    /// Iterates over all kinds, with the number of failures of each.
    pub fn iter(&self) -> impl Iterator<Item = (ErrorKind, u64)> + '_ {
        ErrorKind::ALL.iter().copied().zip(self.0)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) meter: Meter,
    dropped_messages: [AtomicU64; REASONS],
    pub(crate) headers_left_out: Arc<AtomicU64>,
    pub(crate) refused_messages: AtomicU64,
    pub(crate) expired_messages: AtomicU64,
    pub(crate) connections: AtomicU64,
    failed_dials: [AtomicU64; KINDS],
    failed_accepts: [AtomicU64; KINDS],
}

impl Counters {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn count_drop(&self, reason: DropReason) {
        Self::count(&self.dropped_messages[reason as usize]);
    }

    pub(crate) fn count_failed_dial(&self, kind: ErrorKind) {
        Self::count(&self.failed_dials[kind as usize]);
    }

    pub(crate) fn count_failed_accept(&self, kind: ErrorKind) {
        Self::count(&self.failed_accepts[kind as usize]);
    }

    /// The totals so far. The caller adds the current contents.
    pub(crate) fn snapshot(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        let drops = self.dropped_messages.each_ref().map(read);
        let failed_dials = self.failed_dials.each_ref().map(read);
        let failed_accepts = self.failed_accepts.each_ref().map(read);
        Stats {
            sent_messages: self.meter.sent_messages(),
            sent_bytes: self.meter.sent_bytes(),
            received_messages: self.meter.received_messages(),
            received_bytes: self.meter.received_bytes(),
            dropped_messages: drops.iter().sum(),
            drops: Drops(drops),
            headers_left_out: read(&self.headers_left_out),
            refused_messages: read(&self.refused_messages),
            expired_messages: read(&self.expired_messages),
            connections: read(&self.connections),
            failed_connections: failed_dials.iter().chain(&failed_accepts).sum(),
            failed_dials: FailuresByKind(failed_dials),
            failed_accepts: FailuresByKind(failed_accepts),
            ..Stats::default()
        }
    }
}
