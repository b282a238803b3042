use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts what passes through sessions. Clones count together; the counters
/// change once per batch.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent_messages: AtomicU64,
    sent_bytes: AtomicU64,
    received_messages: AtomicU64,
    received_bytes: AtomicU64,
}

impl Meter {
    /// All at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Messages that were handed to a connection.
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
    }

    pub(super) fn received(&self, messages: usize, bytes: usize) {
        self.0.received_messages.fetch_add(messages as u64, Relaxed);
        self.0.received_bytes.fetch_add(bytes as u64, Relaxed);
    }
}
