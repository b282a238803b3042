//! The consumer's side of a queue.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use aiomsg_core::Weight;

use super::Queue;

use super::state::State;
use super::wakers::Woken;
use crate::sync::MutexGuard;

/// An idle queue keeps room for this many items.
const IDLE_CAPACITY: usize = 16;

impl<T: Weight> Queue<T> {
    /// Takes all items, in exchange for the empty `batch`. They count against the limits
    /// until they are [released](Queue::release).
    ///
    /// `Ready(false)` says that the queue is closed and empty.
    pub fn poll_take(&self, cx: &mut Context<'_>, batch: &mut VecDeque<T>) -> Poll<bool> {
        debug_assert!(batch.is_empty(), "the batch would be lost");
        let mut state = self.lock();
        if !state.items.is_empty() {
            std::mem::swap(&mut state.items, batch);
            state.idle = false;
            return Poll::Ready(true);
        }
        if state.closed {
            return Poll::Ready(false);
        }
        // Nothing has come since the last look, either. So a burst that is over costs
        // nothing, and one that goes on does not grow its memory anew.
        if std::mem::replace(&mut state.idle, true) {
            if state.items.capacity() > IDLE_CAPACITY {
                state.items = VecDeque::new();
            }
            if batch.capacity() > IDLE_CAPACITY {
                *batch = VecDeque::new();
            }
        }
        state.consumers.register(cx.waker());
        Poll::Pending
    }

    /// Frees the room of items that were taken.
    pub fn release(&self, items: usize, bytes: usize) {
        let mut state = self.lock();
        state.stuck = false;
        state.used_items = state.used_items.saturating_sub(items);
        state.used_bytes = state.used_bytes.saturating_sub(bytes);
        let producers = if state.admits() {
            state.producers.take()
        } else {
            Woken::default()
        };
        self.freed(state, producers);
    }

    /// Takes one item, and its room. `Ready(None)` says that the queue is
    /// closed and empty.
    #[inline]
    pub fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_pop_with(cx, |item| item)
    }

    /// The same, and applies a function to the item under the lock of the queue, so that
    /// less is moved.
    #[inline(always)]
    pub fn poll_pop_with<R>(
        &self,
        cx: &mut Context<'_>,
        take: impl FnOnce(T) -> R,
    ) -> Poll<Option<R>> {
        let mut state = self.lock();
        let Some(item) = state.items.pop_front() else {
            if state.closed {
                return Poll::Ready(None);
            }
            state.consumers.register(cx.waker());
            return Poll::Pending;
        };
        state.sub(&item);
        let item = take(item);
        self.popped(state);
        Poll::Ready(Some(item))
    }

    /// Wakes producers that wait for room, and reports the level.
    #[inline]
    fn popped(&self, mut state: MutexGuard<'_, State<T>>) {
        // Waking producers at the high-water mark would have them push one
        // item, sleep, and wake again for the next: let half of the room
        // become free first.
        if (state.high || !state.producers.is_empty()) && self.is_low(&state) {
            let producers = state.producers.take();
            self.freed(state, producers);
        }
    }

    /// Takes up to `most` items, and their room, and appends them to `items`, under one
    /// lock and with one wake. Returns how many; zero if the queue is closed and empty.
    pub fn poll_pop_all(
        &self,
        cx: &mut Context<'_>,
        items: &mut Vec<T>,
        most: usize,
    ) -> Poll<usize> {
        let mut state = self.lock();
        let count = state.items.len().min(most);
        if count == 0 {
            if state.closed || most == 0 {
                return Poll::Ready(0);
            }
            state.consumers.register(cx.waker());
            return Poll::Pending;
        }
        let before = items.len();
        items.extend(state.items.drain(..count));
        for item in &items[before..] {
            state.sub(item);
        }
        self.popped(state);
        Poll::Ready(count)
    }
}
