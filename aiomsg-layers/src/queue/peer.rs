use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use aiomsg_core::Outbound;

use super::{Closed, Queue, Shed};

/// The outcome of offering a message to a [`Peer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "it may not have been taken"]
#[non_exhaustive]
pub enum Offered {
    /// It was taken, and there is room for another one.
    Room,
    /// It was taken, and used the last room.
    Filled,
    /// It was not taken: there is no room.
    Full,
    /// It was not taken: the connection is gone.
    Closed,
}

/// A peer, seen from the send path: it takes messages, and returns those that it could not
/// send.
///
/// Everything here is synchronous, so that a message costs no future on its
/// way. [`Queue`] is also a [`tower::Service`], for tower's own balancers.
pub trait Peer {
    /// Ready when one more message may be pushed.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>>;

    /// Gives the peer a message.
    ///
    /// # Errors
    ///
    /// Hands the message back when the connection is gone.
    fn push(&mut self, message: Outbound) -> Result<(), Closed<Outbound>>;

    /// Gives the peer a message if it has room. It registers no task for later room.
    fn offer(&mut self, message: &mut Option<Outbound>) -> Offered {
        let mut cx = Context::from_waker(Waker::noop());
        match self.poll_room(&mut cx) {
            Poll::Pending => return Offered::Full,
            Poll::Ready(Err(_)) => return Offered::Closed,
            Poll::Ready(Ok(())) => {}
        }
        if let Some(taken) = message.take()
            && let Err(Closed(back)) = self.push(taken)
        {
            *message = Some(back);
            return Offered::Closed;
        }
        match self.poll_room(&mut cx) {
            Poll::Pending => Offered::Filled,
            Poll::Ready(_) => Offered::Room,
        }
    }

    /// How much waits for the peer: the bytes of payload, plus one for each message.
    fn waiting(&self) -> usize;

    /// Takes messages out to make room, and returns them.
    fn shed(&mut self, which: Shed) -> VecDeque<Outbound>;

    /// Whether a full queue waits for the peer, and not for its session, which may not have
    /// had its turn.
    fn is_stuck(&self) -> bool {
        true
    }

    /// Ends the connection, because its peer takes too little.
    fn disconnect(&mut self);

    /// Takes back unsent messages, the oldest first. Called once the connection has ended.
    fn reclaim(&mut self) -> VecDeque<Outbound>;
}

impl Peer for Queue<Outbound> {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.poll_ready(cx)
    }

    fn push(&mut self, message: Outbound) -> Result<(), Closed<Outbound>> {
        Queue::push(self, message)
    }

    #[inline]
    fn offer(&mut self, message: &mut Option<Outbound>) -> Offered {
        Queue::offer(self, message)
    }

    fn waiting(&self) -> usize {
        let state = self.lock();
        state.used_bytes + state.used_items
    }

    fn shed(&mut self, which: Shed) -> VecDeque<Outbound> {
        Queue::shed(self, which)
    }

    fn is_stuck(&self) -> bool {
        Queue::is_stuck(self)
    }

    fn disconnect(&mut self) {
        self.cut();
    }

    fn reclaim(&mut self) -> VecDeque<Outbound> {
        self.drain()
    }
}
