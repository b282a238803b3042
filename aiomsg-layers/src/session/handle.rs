use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::MessageId;

use crate::queue::WakerList;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// A handle to a [`Session`](super::Session), to ask something of it from any task.
#[derive(Debug, Clone, Default)]
pub struct SessionHandle(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    held_back: AtomicBool,
    sending: AtomicBool,
    held: AtomicBool,
    /// The session should end in good order.
    finishing: AtomicBool,
    /// Another connection takes the place of this one.
    evicted: AtomicBool,
    unconfirmed: AtomicU64,
    /// Whether anything is asked. Read with every batch, so without a lock.
    asked: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    acks: VecDeque<MessageId>,
    probe: bool,
    ended: bool,
    /// The task of the session, and others that wait for its eviction.
    wakers: WakerList,
}

/// Requests to a session.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) probe: bool,
}

impl SessionHandle {
    /// The handle of a session to be made.
    pub fn new() -> Self {
        Self::default()
    }

    /// Acknowledges a message of this peer, ahead of queued messages. Returns `false` if
    /// the session has ended.
    pub fn acknowledge(&self, id: MessageId) -> bool {
        self.ask(|state| state.acks.push_back(id))
    }

    /// Sends a heartbeat now, to see whether the peer is there: a system that does not
    /// know this connection any more answers with a reset.
    pub fn probe(&self) -> bool {
        self.ask(|state| state.probe = true)
    }

    /// Asks the session to send its queue and end in good order, for
    /// [`is_finishing`](SessionHandle::is_finishing).
    pub fn finish(&self) {
        self.0.finishing.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether the session should send its queue and end in good order. Changes wake the tasks
    /// that wait by [`poll_evicted`](SessionHandle::poll_evicted).
    pub fn is_finishing(&self) -> bool {
        self.0.finishing.load(Ordering::Acquire)
    }

    /// Asks for the place of the session for another connection of its peer.
    pub(crate) fn evict(&self) {
        self.0.evicted.store(true, Ordering::Release);
        self.wake();
    }

    /// Ready when another connection of the same peer takes the place of this one: the session
    /// must end at once.
    pub fn poll_evicted(&self, cx: &Context<'_>) -> Poll<()> {
        // Registers before it looks, so that no wake-up falls in between.
        self.lock().wakers.register(cx.waker());
        match self.0.evicted.load(Ordering::Acquire) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Whether the session does not read for lack of room. Then the silence is ours.
    pub fn is_held_back(&self) -> bool {
        self.0.held_back.load(Ordering::Relaxed)
    }

    /// Whether the session has taken messages from its queue that it has not yet reported
    /// as sent. Ask it after the queue.
    pub fn is_sending(&self) -> bool {
        self.0.sending.load(Ordering::Acquire)
    }

    /// The most messages that the peer may not have read, once the session has ended:
    /// those that were sent without asking for an acknowledgement. It is zero if this end
    /// has ended the connection, and the peer has read everything and ended it, too.
    pub fn unconfirmed(&self) -> u64 {
        self.0.unconfirmed.load(Ordering::Acquire)
    }

    /// Keeps the session from sending messages until its peer has sent something: the
    /// peer may not have admitted the connection. Used while another connection of the
    /// peer waits for its place.
    pub(crate) fn set_held(&self, held: bool) {
        if self.0.held.swap(held, Ordering::AcqRel) && !held {
            self.ask(|_| {});
        }
    }

    pub(crate) fn is_held(&self) -> bool {
        self.0.held.load(Ordering::Acquire)
    }

    fn ask(&self, what: impl FnOnce(&mut State)) -> bool {
        let mut state = self.lock();
        if state.ended {
            return false;
        }
        what(&mut state);
        self.0.asked.store(true, Ordering::Release);
        let woken = state.wakers.take();
        drop(state);
        woken.wake();
        true
    }

    fn wake(&self) {
        let woken = self.lock().wakers.take();
        woken.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock()
    }

    // ===== the session's end =====

    pub(super) fn set_held_back(&self, held_back: bool) {
        self.0.held_back.store(held_back, Ordering::Relaxed);
    }

    pub(super) fn set_sending(&self, sending: bool) {
        self.0.sending.store(sending, Ordering::Release);
    }

    /// Takes the requests, if there are any.
    pub(super) fn take(&self, acks: &mut VecDeque<MessageId>) -> Asked {
        if !self.0.asked.load(Ordering::Acquire) {
            return Asked::default();
        }
        let mut state = self.lock();
        self.0.asked.store(false, Ordering::Relaxed);
        acks.append(&mut state.acks);
        Asked {
            probe: std::mem::take(&mut state.probe),
        }
    }

    /// Wakes the session when something is asked. Returns `false` if something was asked
    /// already.
    pub(super) fn register(&self, cx: &Context<'_>) -> bool {
        let mut state = self.lock();
        if self.0.asked.load(Ordering::Relaxed) {
            return false;
        }
        state.wakers.register(cx.waker());
        true
    }

    pub(super) fn end(&self, unconfirmed: u64) {
        self.0.unconfirmed.store(unconfirmed, Ordering::Release);
        let mut state = self.lock();
        state.ended = true;
        state.acks = VecDeque::new();
        // The task of the session is not kept by this, and others register again.
        let woken = state.wakers.take();
        drop(state);
        woken.wake();
    }
}
