use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Limits, Outbound, outbound::offer_each};

use super::{Closed, Queue, Shed};

/// A peer, seen from a router: takes messages, and gives back those that it
/// could not send.
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

    /// Gives the peer a message if it has room, and says whether it has taken
    /// it: it has not when there is no room, and when the connection is gone.
    /// Nobody is woken when it has room later.
    fn try_push(&mut self, message: &mut Option<Outbound>) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        if !matches!(self.poll_room(&mut cx), Poll::Ready(Ok(()))) {
            return false;
        }
        if let Some(taken) = message.take()
            && let Err(Closed(back)) = self.push(taken)
        {
            *message = Some(back);
        }
        message.is_none()
    }

    /// Gives the peer up to `most` messages from the front of these, as far as it
    /// has room: what [`try_push`](Peer::try_push) does for one. Says how many.
    fn try_push_all(&mut self, messages: &mut VecDeque<Outbound>, most: usize) -> usize {
        offer_each(messages, most, |message| self.try_push(message))
    }

    /// How much it may be given before it has no more room, if that is known.
    fn room(&self) -> Limits {
        Limits { items: 0, bytes: 0 }
    }

    /// How much waits for the peer: the bytes of payload, and one for each
    /// message.
    fn waiting(&self) -> usize;

    /// Takes messages out to make room, and hands them out.
    fn shed(&mut self, which: Shed) -> VecDeque<Outbound>;

    /// Whether it is for the peer to take something, where there is no room: and
    /// not for its connection, which may not have had its turn.
    fn is_stuck(&self) -> bool {
        true
    }

    /// Ends the connection, since its peer takes too little.
    fn disconnect(&mut self);

    /// Takes back what was not sent, the oldest message first. Called once the
    /// connection has ended.
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
    fn try_push(&mut self, message: &mut Option<Outbound>) -> bool {
        self.try_push_from(message)
    }

    fn try_push_all(&mut self, messages: &mut VecDeque<Outbound>, most: usize) -> usize {
        Queue::try_push_all(self, messages, most)
    }

    fn room(&self) -> Limits {
        Queue::room(self)
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
