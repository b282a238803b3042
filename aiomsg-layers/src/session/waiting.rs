use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::Limits;

use super::pump::{READ_BATCH, READ_BATCH_BYTES};
use crate::queue::WakerList;
use crate::sync::{Mutex, MutexGuard};

/// The messages that sessions have read, and that a [service](super::ServiceIntake) has yet
/// to take: of all sessions together, also of ended ones. Clones share one count.
#[derive(Debug, Clone)]
pub struct Waiting(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    items: usize,
    bytes: usize,
    sessions: WakerList,
}

impl Waiting {
    /// Sessions read nothing more while this much waits. It is at least one batch: 1,024
    /// messages or 256 KiB.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner {
            limits: Limits {
                items: limits.items.max(READ_BATCH),
                bytes: limits.bytes.max(READ_BATCH_BYTES),
            },
            state: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    /// How much may be read until the limits are exceeded by this much.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>, more: Limits) -> Poll<Limits> {
        let mut state = self.lock();
        let Limits { items, bytes } = self.0.limits;
        let room = Limits {
            items: items.saturating_add(more.items).saturating_sub(state.items),
            bytes: bytes.saturating_add(more.bytes).saturating_sub(state.bytes),
        };
        if room.items > 0 && room.bytes > 0 {
            return Poll::Ready(room);
        }
        state.sessions.register(cx.waker());
        Poll::Pending
    }

    pub(super) fn add(&self, items: usize, bytes: usize) {
        let mut state = self.lock();
        state.items += items;
        state.bytes += bytes;
    }

    pub(super) fn sub(&self, items: usize, bytes: usize) {
        let mut state = self.lock();
        state.items -= items;
        state.bytes -= bytes;
        let Limits { items, bytes } = self.0.limits;
        if state.items < items && state.bytes < bytes {
            let woken = state.sessions.take();
            drop(state);
            woken.wake();
        }
    }
}
