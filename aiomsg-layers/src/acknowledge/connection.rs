use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::task::{Context, Poll, ready};

use aiomsg_core::{
    Connection, Error, Frame, FrameHook, FrameSource, FrameVisitor, Identified, Identity, MessageId,
};

use super::Deferral;
use super::exchange::{Exchange, MOST_GATHERED};
use crate::at_least_once::ConnectionAcks;

/// The most acknowledgements that wait to be sent (16 bytes each). Beyond it, a peer
/// that takes no acknowledgements is not read.
///
/// It is far more than a peer leaves unacknowledged (65,536 messages, by default).
/// Two peers that flood each other must both go on reading while neither can write,
/// or neither ever could again.
pub(crate) const MOST_OWED: usize = 1 << 20;

/// A connection that acknowledges requests and hears acknowledgements. See the
/// [module](super).
#[derive(Debug)]
pub struct Acknowledge<C> {
    inner: C,
    /// A frame that was read to find the end, and not yielded yet.
    ahead: Option<Box<Frame>>,
    /// Requests that were yielded and not yet acknowledged.
    owed: VecDeque<MessageId>,
    /// The requests that left, and those that the peer acknowledged.
    exchange: Exchange,
    /// Leaves the acknowledgements to the handler.
    deferral: Deferral,
}

impl<C> Acknowledge<C> {
    pub(super) fn new(inner: C, unacked: Option<ConnectionAcks>, deferral: Deferral) -> Self {
        Self {
            inner,
            ahead: None,
            owed: VecDeque::new(),
            exchange: Exchange::new(unacked),
            deferral,
        }
    }

    /// The connection inside.
    pub fn get_ref(&self) -> &C {
        &self.inner
    }

    /// The connection inside.
    pub fn get_mut(&mut self) -> &mut C {
        &mut self.inner
    }

    /// The connection inside. Owed acknowledgements are dropped.
    pub fn into_inner(self) -> C {
        self.inner
    }
}

impl<C: Connection> Acknowledge<C> {
    /// Ready when more may be read, or with an error.
    #[inline]
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        match self.owed.len() {
            0..MOST_OWED => Poll::Ready(None),
            _ => self.poll_pay(cx).map(Result::err),
        }
    }

    /// Looks for the end behind frames that are no messages.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        if self.ahead.is_some() {
            return Poll::Pending;
        }
        let mut looking = LookingAhead {
            heard: 0,
            exchange: &mut self.exchange,
            ahead: &mut self.ahead,
        };
        match ready!(self.inner.poll_recv(cx, &mut looking)) {
            Some(Err(error)) => Poll::Ready(Some(error)),
            None => Poll::Ready(None),
            Some(Ok(())) => {
                if self.ahead.is_none() {
                    // Other tasks have their turn.
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    /// Sends all owed acknowledgements.
    #[inline]
    fn poll_pay(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.owed.is_empty() {
            true => Poll::Ready(Ok(())),
            false => self.inner.poll_send(cx, &mut Owed(&mut self.owed)),
        }
    }
}

impl<C: Connection> Connection for Acknowledge<C> {
    #[inline(always)]
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        loop {
            if let Some(error) = ready!(self.poll_room(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
            let ahead = self.ahead.take();
            let mut arriving = Arriving {
                owed: &mut self.owed,
                exchange: &mut self.exchange,
                deferral: &self.deferral,
                wanted: ControlFlow::Continue(()),
                visitor,
            };
            let more = ahead.is_none_or(|frame| arriving.visit(*frame).is_continue());
            let polled = match more {
                true => self.inner.poll_recv(cx, &mut arriving),
                false => Poll::Ready(Some(Ok(()))),
            };
            match polled {
                // This layer stopped, not the visitor.
                Poll::Ready(Some(Ok(()))) if arriving.wanted.is_continue() => {}
                Poll::Ready(Some(Ok(()))) => return polled,
                _ => {
                    self.exchange.tell_heard();
                    return polled;
                }
            }
        }
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        let ended = self.poll_end(cx);
        self.exchange.tell_heard();
        ended
    }

    #[inline(always)]
    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_pay(cx))?;
        let mut leaving = Leaving(&mut self.exchange);
        self.inner.poll_send_through(cx, &mut leaving, source)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.exchange.tell_heard();
        ready!(self.poll_pay(cx))?;
        ready!(self.inner.poll_flush(cx))?;
        self.exchange.tell_sent();
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_flush(cx))?;
        self.inner.poll_close(cx)
    }
}

/// Notes which requests to acknowledge, and which of ours are acknowledged.
struct Arriving<'a, V> {
    owed: &'a mut VecDeque<MessageId>,
    exchange: &'a mut Exchange,
    deferral: &'a Deferral,
    /// The last answer of the visitor.
    wanted: ControlFlow<()>,
    visitor: &'a mut V,
}

impl<V: FrameVisitor> FrameVisitor for Arriving<'_, V> {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        if let Frame::Ack { id } = &frame {
            self.exchange.hear(*id);
            return ControlFlow::Continue(());
        }
        match frame.request_id() {
            Some(id) if !self.deferral.is_deferred() => {
                self.owed.push_back(id);
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

/// Keeps the first frame that is a message.
struct LookingAhead<'a> {
    /// How many frames were no messages.
    heard: usize,
    exchange: &'a mut Exchange,
    ahead: &'a mut Option<Box<Frame>>,
}

impl FrameVisitor for LookingAhead<'_> {
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        match frame {
            Frame::Ack { id } => self.exchange.hear(id),
            Frame::Heartbeat => {}
            frame => {
                *self.ahead = Some(Box::new(frame));
                return ControlFlow::Break(());
            }
        }
        self.heard += 1;
        match self.heard < MOST_GATHERED {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

/// Notes which requests are sent.
struct Leaving<'a>(&'a mut Exchange);

impl FrameHook for Leaving<'_> {
    #[inline(always)]
    fn leaving(&mut self, frame: Frame) -> Option<Frame> {
        if let Some(id) = frame.request_id() {
            self.0.send(id);
        }
        Some(frame)
    }
}

/// The owed acknowledgements.
pub(crate) struct Owed<'a>(pub(crate) &'a mut VecDeque<MessageId>);

impl FrameSource for Owed<'_> {
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        while let Some(id) = self.0.pop_front() {
            if visitor.visit(Frame::ack(id)).is_break() && !self.0.is_empty() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

impl<C: Identified> Identified for Acknowledge<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}
