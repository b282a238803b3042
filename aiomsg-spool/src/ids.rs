//! Ids of stored messages, which reveal nothing to peers.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aiomsg_core::MessageId;

/// Makes ids: a counter under two keyed hashes. The keys are drawn once, so a peer cannot
/// tell how many other messages there are, and no two runs of a program have an id in common.
#[derive(Debug)]
pub(crate) struct Ids {
    keys: [RandomState; 2],
    next: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self {
            keys: [RandomState::new(), RandomState::new()],
            next: AtomicU64::new(0),
        }
    }

    pub(crate) fn next(&self) -> MessageId {
        let number = self.next.fetch_add(1, Relaxed);
        let mut id = [0; MessageId::LEN];
        for (half, key) in id.chunks_exact_mut(8).zip(&self.keys) {
            half.copy_from_slice(&key.hash_one(number).to_be_bytes());
        }
        MessageId::from_bytes(id)
    }
}
