//! The queue, and its state under the lock.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use aiomsg_core::{Limits, Weight};

use super::level::{Level, Levels};
use super::wakers::WakerList;
use crate::sync::{Mutex, MutexGuard};

/// A bounded queue. Clones share it.
///
/// Any number of producers and consumers may wait for it at once.
pub struct Queue<T>(pub(super) Arc<Shared<T>>);

pub(super) struct Shared<T> {
    pub(super) levels: Option<Levels>,
    state: Mutex<State<T>>,
}

pub(super) struct State<T> {
    pub(super) items: VecDeque<T>,
    /// Items and bytes that count against the limits: those in `items`, and
    /// those that were taken and not yet released.
    pub(super) used_items: usize,
    pub(super) used_bytes: usize,
    pub(super) closed: bool,
    /// Closed because its consumer is too slow.
    pub(super) cut: bool,
    /// Its consumer has more items than it can forward.
    pub(super) stuck: bool,
    /// It has been full, and not half empty since.
    pub(super) high: bool,
    /// Its consumer found nothing, and nothing has come since.
    pub(super) idle: bool,
    pub(super) limits: Limits,
    pub(super) producers: WakerList,
    pub(super) consumers: WakerList,
}

impl<T: Weight> Queue<T> {
    /// An empty queue.
    pub fn new(limits: Limits) -> Self {
        Self::build(limits, None)
    }

    /// An empty queue that reports when it becomes full, and when half of it is free again.
    /// `levels` must not block. It is called when this thread holds no lock of a socket,
    /// see [`hook`](aiomsg_core::hook). A panic of it ends here, because the caller has
    /// other work to finish.
    pub fn with_levels(limits: Limits, levels: impl Fn(Level) + Send + Sync + 'static) -> Self {
        Self::build(limits, Some(Arc::new(levels)))
    }

    fn build(limits: Limits, levels: Option<Levels>) -> Self {
        Self(Arc::new(Shared {
            levels,
            state: Mutex::new(State {
                items: VecDeque::new(),
                used_items: 0,
                used_bytes: 0,
                closed: false,
                cut: false,
                stuck: false,
                high: false,
                idle: false,
                limits,
                producers: WakerList::default(),
                consumers: WakerList::default(),
            }),
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is whole between any two statements that can panic.
        self.0.state.lock()
    }

    /// How much may be pushed before the limits are reached.
    pub fn room(&self) -> Limits {
        self.room_and(Limits { items: 0, bytes: 0 })
    }

    /// How much may be pushed until the limits are exceeded by this much.
    pub fn room_and(&self, more: Limits) -> Limits {
        let state = self.lock();
        let Limits { items, bytes } = state.limits;
        Limits {
            items: items
                .saturating_add(more.items)
                .saturating_sub(state.used_items),
            bytes: bytes
                .saturating_add(more.bytes)
                .saturating_sub(state.used_bytes),
        }
    }

    /// Raises the limits by this much, for good.
    pub fn raise_limits(&self, by: Limits) {
        let mut state = self.lock();
        state.limits.items = state.limits.items.saturating_add(by.items);
        state.limits.bytes = state.limits.bytes.saturating_add(by.bytes);
        let woken = state.producers.take();
        drop(state);
        woken.wake();
    }

    /// Items that count against the limits now.
    pub fn items(&self) -> usize {
        self.lock().used_items
    }

    /// Bytes that count against the limits now.
    pub fn bytes(&self) -> usize {
        self.lock().used_bytes
    }

    /// Whether the queue is empty, and every item that was taken is released.
    pub fn is_empty(&self) -> bool {
        self.lock().used_items == 0
    }

    /// Whether the queue refuses pushes.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

impl<T: Weight> State<T> {
    pub(super) fn admits(&self) -> bool {
        self.limits.admit(self.used_items, self.used_bytes)
    }

    #[inline]
    pub(super) fn add(&mut self, item: T) {
        self.used_items += 1;
        self.used_bytes += item.weight();
        self.items.push_back(item);
    }

    #[inline]
    pub(super) fn sub(&mut self, item: &T) {
        self.used_items -= 1;
        self.used_bytes -= item.weight();
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}
