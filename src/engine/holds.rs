//! Peers that are not read for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use aiomsg_core::Identity;
use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_layers::queue::WakerList;

/// Peers that are held back, as all are while the inbox is full: they read no replies, and
/// go on sending requests.
#[derive(Debug, Default)]
pub(crate) struct Holds(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Their number: checked before the lock is taken.
    count: AtomicUsize,
    held: Mutex<HashMap<Identity, Entry>>,
}

#[derive(Debug, Default)]
struct Entry {
    /// The number of holds.
    by: usize,
    /// Tasks that wait for the end of the hold.
    tasks: WakerList,
}

/// Whether one peer is held back.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    shared: Arc<Shared>,
    peer: Identity,
}

impl Holds {
    pub(crate) fn of(&self, peer: &Identity) -> Hold {
        Hold {
            shared: Arc::clone(&self.0),
            peer: peer.clone(),
        }
    }
}

impl Hold {
    /// Ready while the peer is not held back.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.count.load(Ordering::Acquire) == 0 {
            return Poll::Ready(());
        }
        match self.shared.lock().get_mut(&self.peer) {
            Some(held) => {
                held.tasks.register(cx.waker());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }

    /// Holds the peer back until the returned value is dropped.
    pub(crate) fn begin(&self) -> Held {
        let mut held = self.shared.lock();
        held.entry(self.peer.clone()).or_default().by += 1;
        self.shared.count.store(held.len(), Ordering::Release);
        Held(self.clone())
    }
}

/// A peer that is held back until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(Hold);

impl Drop for Held {
    fn drop(&mut self) {
        let Hold { shared, peer } = &self.0;
        let mut held = shared.lock();
        let Some(entry) = held.get_mut(peer) else {
            return;
        };
        entry.by -= 1;
        if entry.by > 0 {
            return;
        }
        let tasks = entry.tasks.take();
        held.remove(peer);
        shared.count.store(held.len(), Ordering::Release);
        drop(held);
        tasks.wake();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<Identity, Entry>> {
        self.held.lock()
    }
}
