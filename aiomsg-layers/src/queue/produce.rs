//! The producer's side of a queue.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use aiomsg_core::Weight;

use super::level::Level;
use super::state::State;
use super::{Closed, Offered, Queue};
use crate::sync::MutexGuard;

impl<T: Weight> Queue<T> {
    /// Ready when one more item may be pushed.
    ///
    /// Readiness reserves nothing: each of several producers that see room at the same time may
    /// push, so a bound can be exceeded by one item for each.
    ///
    /// # Errors
    ///
    /// When the queue is closed.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut state = self.lock();
        if state.closed {
            return Poll::Ready(Err(Closed(())));
        }
        if state.admits() {
            return Poll::Ready(Ok(()));
        }
        state.producers.register(cx.waker());
        Poll::Pending
    }

    /// Appends an item, with or without room. Call [`Queue::poll_ready`] first to keep the
    /// bound.
    ///
    /// # Errors
    ///
    /// Hands the item back when the queue is closed.
    pub fn push(&self, item: T) -> Result<(), Closed<T>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Closed(item));
        }
        state.add(item);
        self.pushed(state);
        Ok(())
    }

    /// Wakes consumers that wait for items, and reports the level.
    #[inline]
    fn pushed(&self, mut state: MutexGuard<'_, State<T>>) {
        let high = self.has_become_high(&mut state);
        if state.consumers.is_empty() && !high {
            return;
        }
        let woken = state.consumers.take();
        drop(state);
        woken.wake();
        if high {
            self.tell(Level::High);
        }
    }

    /// Appends an item if there is room: [`Queue::poll_ready`] and [`Queue::push`] under one
    /// lock. It registers no task for later room.
    ///
    /// # Errors
    ///
    /// Hands the item back when the queue is full or closed.
    pub fn try_push(&self, item: T) -> Result<(), T> {
        let mut item = Some(item);
        let _ = self.offer(&mut item);
        item.map_or(Ok(()), Err)
    }

    /// The same, for an item that should be moved only once. Returns the outcome, and whether
    /// there is room for another one.
    #[inline]
    pub fn offer(&self, item: &mut Option<T>) -> Offered {
        let mut state = self.lock();
        if state.closed {
            return Offered::Closed;
        }
        if !state.admits() {
            return Offered::Full;
        }
        let Some(weight) = item.as_ref().map(T::weight) else {
            return Offered::Room;
        };
        state.used_items += 1;
        state.used_bytes += weight;
        // Straight into its place.
        state.items.extend(item.take());
        let offered = match state.admits() {
            true => Offered::Room,
            false => Offered::Filled,
        };
        self.pushed(state);
        offered
    }

    /// Appends a batch under one lock and with one wake. The batch is left
    /// empty.
    ///
    /// # Errors
    ///
    /// When the queue is closed; the batch keeps its items.
    pub fn push_batch(&self, batch: &mut VecDeque<T>) -> Result<(), Closed> {
        let mut state = self.lock();
        if state.closed {
            return Err(Closed(()));
        }
        state.used_items += batch.len();
        state.used_bytes += batch.iter().map(Weight::weight).sum::<usize>();
        match state.items.is_empty() {
            true => std::mem::swap(&mut state.items, batch),
            false => state.items.append(batch),
        }
        self.pushed(state);
        Ok(())
    }
}
