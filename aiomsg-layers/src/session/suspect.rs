//! Messages in the middle of which connections end.
//!
//! The message may be the reason: it is too large for the peer, or makes it fail. Such a
//! message would end one connection after the other, and the messages behind it would
//! never leave. So it counts the connections that have ended in the middle of it, it is
//! sent by itself, and it is [dropped](DropReason::Poison) in the end.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use aiomsg_core::{Connection, Error, Frame, Outbound, Target};

use super::frames::{Alone, Leaving};
use super::left::{Left, any_message, message};
use super::{Intake, Session};

impl<C: Connection, I: Intake> Session<C, I> {
    /// Whether the next message must be sent by itself.
    #[inline]
    pub(super) fn is_next_suspect(&self) -> bool {
        let next = self.left.batch.front();
        next.is_some_and(|message| message.interrupted() > 0)
    }

    /// Sends the next message after everything before it has left, and lets nothing follow
    /// before it has left itself. Returns whether there is more to do at once.
    pub(super) fn poll_send_alone(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        if self.connection.poll_flush(cx)?.is_pending() {
            return self.poll_stuck(cx);
        }
        self.left.alone = None;
        let Some(interrupted) = self.left.batch.front().map(Outbound::interrupted) else {
            return Ok(true);
        };
        if interrupted == 0 {
            return Ok(true);
        }
        let waiting = self.left.batch.len();
        let mut alone = Alone(Leaving {
            messages: &mut self.left.batch,
            taken: &mut self.fed,
            unconfirmed: &mut self.left.unconfirmed,
        });
        let sent = self.connection.poll_send(cx, &mut alone);
        if self.left.batch.len() < waiting {
            self.left.alone = Some(interrupted);
        }
        match sent {
            Poll::Ready(result) => result?,
            Poll::Pending if self.left.alone.is_none() => return self.poll_stuck(cx),
            Poll::Pending => {}
        }
        self.release();
        Ok(true)
    }
}

impl Left {
    /// The messages that have not left, without those that at-least-once sends again. The
    /// first one notes how many connections have ended in the middle of it.
    pub(super) fn take_unsent(&mut self) -> VecDeque<Outbound> {
        let mut frames = self.link.take_unsent().into_iter().peekable();
        let is_message = |it: &Frame| it.payload().is_some() && it.request_id().is_none();
        let is_message = frames.peek().is_some_and(is_message);
        let cut = is_message && self.failed && self.link.is_cut();
        let mut unsent: VecDeque<_> = frames.filter_map(message).collect();
        let interrupted = self.alone.take().unwrap_or(0) + u8::from(cut);
        if interrupted > 0
            && let Some(first) = unsent.pop_front()
        {
            unsent.push_front(first.with_interrupted(interrupted));
        }
        unsent
    }

    /// Drops the messages that the connection cannot carry.
    pub(super) fn drop_refused(&self) {
        for (frame, reason) in self.link.take_refused() {
            let message = any_message(frame);
            let message = message.filter(|it| *it.target() != Target::Connection);
            if let (Some(message), Some(discard)) = (message, &self.discard) {
                discard.message(message, reason);
            }
        }
    }
}
