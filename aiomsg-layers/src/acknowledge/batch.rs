//! Many frames in one call.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BatchConnection, Error, Frame, FrameSource, FrameVisitor, MessageId};

use super::Deferral;
use super::connection::{Acknowledge, MOST_GATHERED, MOST_OWED, tell_heard, tell_sent};
use crate::at_least_once::ConnectionAcks;

impl<C: BatchConnection> BatchConnection for Acknowledge<C> {
    #[inline(always)]
    fn poll_next_batch<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        loop {
            if let Some(result) = ready!(self.poll_room(cx)) {
                return Poll::Ready(Some(Err(result)));
            }
            let ahead = self.ahead.take();
            let mut arriving = Arriving {
                heard: &mut self.heard,
                sent: &mut self.sent,
                owed: &mut self.owed,
                unacked: self.unacked.as_ref(),
                deferral: &self.deferral,
                wanted: ControlFlow::Continue(()),
                visitor,
            };
            let more = ahead.is_none_or(|frame| arriving.visit(frame).is_continue());
            let polled = match more {
                true => self.inner.poll_next_batch(cx, &mut arriving),
                false => Poll::Ready(Some(Ok(()))),
            };
            match polled {
                // It was for us that it stopped.
                Poll::Ready(Some(Ok(()))) if arriving.wanted.is_continue() => {}
                Poll::Ready(Some(Ok(()))) => return polled,
                _ => {
                    self.tell_heard();
                    return polled;
                }
            }
        }
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        let ended = self.poll_end(cx);
        self.tell_heard();
        ended
    }

    #[inline(always)]
    fn poll_send_batch<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        self.reserved = false;
        ready!(self.poll_pay(cx))?;
        let mut leaving = Leaving {
            sent: &mut self.sent,
            unacked: self.unacked.as_ref(),
            source,
        };
        self.inner.poll_send_batch(cx, &mut leaving)
    }
}

/// Notes what is to be acknowledged and what is.
struct Arriving<'a, V> {
    heard: &'a mut Vec<MessageId>,
    sent: &'a mut Vec<MessageId>,
    owed: &'a mut VecDeque<MessageId>,
    unacked: Option<&'a ConnectionAcks>,
    deferral: &'a Deferral,
    /// What the visitor said last.
    wanted: ControlFlow<()>,
    visitor: &'a mut V,
}

impl<V: FrameVisitor> FrameVisitor for Arriving<'_, V> {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        match &frame {
            Frame::Ack { id } => {
                self.heard.push(*id);
                if self.heard.len() >= MOST_GATHERED {
                    tell_heard(self.unacked, self.sent, self.heard);
                }
                return ControlFlow::Continue(());
            }
            Frame::Request { id, .. } if !self.deferral.is_deferred() => {
                self.owed.push_back(*id);
                self.wanted = self.visitor.visit(frame);
                if self.owed.len() >= MOST_OWED {
                    return ControlFlow::Break(());
                }
            }
            _ => self.wanted = self.visitor.visit(frame),
        }
        self.wanted
    }
}

/// Notes which requests are sent.
struct Leaving<'a, S> {
    sent: &'a mut Vec<MessageId>,
    unacked: Option<&'a ConnectionAcks>,
    source: &'a mut S,
}

impl<S: FrameSource> FrameSource for Leaving<'_, S> {
    #[inline(always)]
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        let mut noting = Noting {
            sent: self.sent,
            unacked: self.unacked,
            visitor,
        };
        self.source.feed(&mut noting)
    }
}

struct Noting<'a, V> {
    sent: &'a mut Vec<MessageId>,
    unacked: Option<&'a ConnectionAcks>,
    visitor: &'a mut V,
}

impl<V: FrameVisitor> FrameVisitor for Noting<'_, V> {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        if let Frame::Request { id, .. } = &frame {
            // This one is not yet with the connection, the others are.
            if self.sent.len() >= MOST_GATHERED {
                tell_sent(self.unacked, self.sent);
            }
            self.sent.push(*id);
        }
        self.visitor.visit(frame)
    }
}
