//! The end of a queue.

use std::task::{Context, Poll};

use aiomsg_core::Weight;

use super::Queue;
use super::state::State;
use super::wakers::Woken;
use crate::sync::MutexGuard;

impl<T: Weight> Queue<T> {
    /// Refuses pushes from now on. The items in the queue can still be taken.
    pub fn close(&self) {
        Self::close_locked(self.lock());
    }

    /// Puts taken, unused items back in front of all others, in their order, and closes the
    /// queue in the same step: a task that sees it closed sees all items that are left.
    /// Release no item after that.
    pub fn close_with(&self, items: impl DoubleEndedIterator<Item = T>) {
        let mut state = self.lock();
        for item in items.rev() {
            state.items.push_front(item);
        }
        state.used_items = state.items.len();
        state.used_bytes = state.items.iter().map(Weight::weight).sum();
        Self::close_locked(state);
    }

    pub(super) fn close_locked(mut state: MutexGuard<'_, State<T>>) {
        state.closed = true;
        let producers = state.producers.take();
        let consumers = state.consumers.take();
        drop(state);
        producers.wake();
        consumers.wake();
    }

    /// Closes the queue because its consumer is too slow. The consumer finds it
    /// [cut](Queue::poll_cut).
    pub fn cut(&self) {
        let mut state = self.lock();
        state.cut = true;
        Self::close_locked(state);
    }

    /// Ready when the queue was [cut](Queue::cut). A consumer polls it while it cannot
    /// forward the items that it has taken. Until it [releases](Queue::release) some, the
    /// queue [is stuck](Queue::is_stuck).
    pub fn poll_cut(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.cut {
            return Poll::Ready(());
        }
        state.consumers.register(cx.waker());
        // A producer that waits for room may cut the queue now.
        let woken = match std::mem::replace(&mut state.stuck, true) {
            true => Woken::default(),
            false => state.producers.take(),
        };
        drop(state);
        woken.wake();
        Poll::Pending
    }

    /// Whether its consumer cannot forward the items that it has taken. A queue may be
    /// full and not stuck, when more was pushed at once than it holds, and its consumer
    /// has not had its turn since.
    pub fn is_stuck(&self) -> bool {
        self.lock().stuck
    }
}
