//! Messages between the two sides.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use aiomsg::Outbound;

/// The messages that were taken out of the inbox in a batch, and wait for room at the other side.
/// For people, they are in the inbox.
#[derive(Debug, Default)]
pub(super) struct InHand {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl InHand {
    /// These wait until the guard is dropped.
    pub(super) fn wait(&self, batch: &VecDeque<Outbound>) -> Waiting<'_> {
        let bytes = batch.iter().map(|it| it.payload().len()).sum();
        self.messages.store(batch.len(), Relaxed);
        self.bytes.store(bytes, Relaxed);
        Waiting(self)
    }

    /// How many wait, and the bytes of their payloads.
    pub(super) fn get(&self) -> (usize, usize) {
        (self.messages.load(Relaxed), self.bytes.load(Relaxed))
    }
}

/// While it lives, messages wait for room.
pub(super) struct Waiting<'a>(&'a InHand);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.messages.store(0, Relaxed);
        self.0.bytes.store(0, Relaxed);
    }
}
