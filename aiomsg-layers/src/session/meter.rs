use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts the messages of sessions. Clones count together. The counters change once per
/// batch.
///
/// ```
/// use aiomsg_layers::session::Meter;
///
/// let all = Meter::new();
/// let of_one_session = all.child(); // its messages count in `all`, too
/// assert_eq!(of_one_session.sent_messages(), all.sent_messages());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent_messages: AtomicU64,
    sent_bytes: AtomicU64,
    received_messages: AtomicU64,
    received_bytes: AtomicU64,
    parent: Option<Meter>,
}

impl Meter {
    /// All at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// A meter at zero, whose messages count here, too.
    pub fn child(&self) -> Self {
        Self(Arc::new(Counts {
            parent: Some(self.clone()),
            ..Counts::default()
        }))
    }

    /// Messages that were given to a connection.
    pub fn sent_messages(&self) -> u64 {
        self.0.sent_messages.load(Relaxed)
    }

    /// Their payloads, in bytes.
    pub fn sent_bytes(&self) -> u64 {
        self.0.sent_bytes.load(Relaxed)
    }

    /// Messages that arrived.
    pub fn received_messages(&self) -> u64 {
        self.0.received_messages.load(Relaxed)
    }

    /// Their payloads, in bytes.
    pub fn received_bytes(&self) -> u64 {
        self.0.received_bytes.load(Relaxed)
    }

    pub(super) fn sent(&self, messages: usize, bytes: usize) {
        self.0.sent_messages.fetch_add(messages as u64, Relaxed);
        self.0.sent_bytes.fetch_add(bytes as u64, Relaxed);
        if let Some(parent) = &self.0.parent {
            parent.sent(messages, bytes);
        }
    }

    pub(super) fn received(&self, messages: usize, bytes: usize) {
        self.0.received_messages.fetch_add(messages as u64, Relaxed);
        self.0.received_bytes.fetch_add(bytes as u64, Relaxed);
        if let Some(parent) = &self.0.parent {
            parent.received(messages, bytes);
        }
    }
}
