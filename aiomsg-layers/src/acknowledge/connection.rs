use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{Connection, Error, Frame, MessageId};
use futures_core::Stream;
use futures_sink::Sink;

use super::Deferral;
use crate::at_least_once::ConnectionAcks;

/// The most acknowledgements that wait to be sent (16 bytes each). A peer that
/// sends requests and takes no acknowledgements is not read from beyond this.
///
/// It is far more than a peer lets wait (65,536 messages, by default): two
/// peers that flood each other must both go on reading while neither can
/// write, or neither ever could again.
pub(crate) const MOST_OWED: usize = 1 << 20;

/// The most ids that are gathered before they are told on, if the connection
/// never pauses.
pub(super) const MOST_GATHERED: usize = 256;

/// A connection that acknowledges requests and hears acknowledgements. See the
/// [module](super).
#[derive(Debug)]
pub struct Acknowledge<C> {
    pub(super) inner: C,
    /// A frame that was read to see what comes before the end, and not yielded yet.
    pub(super) ahead: Option<Frame>,
    /// Requests that were yielded and not yet acknowledged.
    pub(super) owed: VecDeque<MessageId>,
    /// What the peer acknowledged and was not yet told on.
    pub(super) heard: Vec<MessageId>,
    /// Requests that were given to the connection since the last flush.
    pub(super) sent: Vec<MessageId>,
    pub(super) unacked: Option<ConnectionAcks>,
    /// The caller was told that it may send, and has not: the place is its own.
    pub(super) reserved: bool,
    /// Others acknowledge what is yielded.
    pub(super) deferral: Deferral,
}

impl<C> Acknowledge<C> {
    pub(super) fn new(inner: C, unacked: Option<ConnectionAcks>, deferral: Deferral) -> Self {
        Self {
            inner,
            ahead: None,
            owed: VecDeque::new(),
            heard: Vec::new(),
            sent: Vec::new(),
            unacked,
            reserved: false,
            deferral,
        }
    }

    /// The connection inside.
    pub fn get_ref(&self) -> &C {
        &self.inner
    }

    pub(super) fn tell_heard(&mut self) {
        tell_heard(self.unacked.as_ref(), &mut self.sent, &mut self.heard);
    }

    fn tell_sent(&mut self) {
        tell_sent(self.unacked.as_ref(), &mut self.sent);
    }
}

/// Tells what the peer has acknowledged, and before that what was given to the
/// connection: it may be among it.
pub(super) fn tell_heard(
    unacked: Option<&ConnectionAcks>,
    sent: &mut Vec<MessageId>,
    heard: &mut Vec<MessageId>,
) {
    if !heard.is_empty() {
        tell(unacked, sent, heard);
    }
}

/// Tells what was given to the connection.
pub(super) fn tell_sent(unacked: Option<&ConnectionAcks>, sent: &mut Vec<MessageId>) {
    if !sent.is_empty() {
        tell(unacked, sent, &mut Vec::new());
    }
}

#[inline(never)]
fn tell(unacked: Option<&ConnectionAcks>, sent: &mut Vec<MessageId>, heard: &mut Vec<MessageId>) {
    if let Some(unacked) = unacked {
        unacked.exchanged(sent, heard);
    }
    sent.clear();
    heard.clear();
}

impl<C: Connection> Acknowledge<C> {
    /// Ready when more may be read, or with an error.
    #[inline]
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        if self.owed.len() < MOST_OWED {
            return Poll::Ready(None);
        }
        match ready!(self.poll_pay(cx)) {
            Err(error) => Poll::Ready(Some(error)),
            Ok(()) if self.owed.is_empty() => Poll::Ready(None),
            // The next place is the caller's: it must send first.
            Ok(()) => Poll::Pending,
        }
    }

    /// Looks for the end behind what is no message.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        for _ in 0..MOST_GATHERED {
            if self.ahead.is_some() {
                return Poll::Pending;
            }
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(Frame::Ack { id })) => self.heard.push(id),
                Some(Ok(Frame::Heartbeat)) => {}
                Some(Ok(frame)) => self.ahead = Some(frame),
                Some(Err(error)) => return Poll::Ready(Some(error)),
                None => return Poll::Ready(None),
            }
        }
        // Others have their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gives the connection all acknowledgements that are owed. They wait while
    /// the next place in it is the caller's.
    pub(super) fn poll_pay(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.reserved {
            return Poll::Ready(Ok(()));
        }
        while let Some(&id) = self.owed.front() {
            ready!(Pin::new(&mut self.inner).poll_ready(cx))?;
            Pin::new(&mut self.inner).start_send(Frame::ack(id))?;
            self.owed.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: Connection> Stream for Acknowledge<C> {
    type Item = Result<Frame, Error>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(error) = ready!(this.poll_room(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
            let next = match this.ahead.take() {
                Some(frame) => Poll::Ready(Some(Ok(frame))),
                None => Pin::new(&mut this.inner).poll_next(cx),
            };
            match next {
                Poll::Ready(Some(Ok(Frame::Ack { id }))) => {
                    this.heard.push(id);
                    if this.heard.len() >= MOST_GATHERED {
                        this.tell_heard();
                    }
                }
                Poll::Ready(Some(Ok(frame))) => {
                    if let Frame::Request { id, .. } = &frame
                        && !this.deferral.is_deferred()
                    {
                        this.owed.push_back(*id);
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                other => {
                    this.tell_heard();
                    return other;
                }
            }
        }
    }
}

impl<C: Connection> Sink<Frame> for Acknowledge<C> {
    type Error = Error;

    #[inline]
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        ready!(this.poll_pay(cx))?;
        ready!(Pin::new(&mut this.inner).poll_ready(cx))?;
        this.reserved = true;
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        let this = self.get_mut();
        let id = match &frame {
            Frame::Request { id, .. } => Some(*id),
            _ => None,
        };
        this.reserved = false;
        Pin::new(&mut this.inner).start_send(frame)?;
        this.sent.extend(id);
        if this.sent.len() >= MOST_GATHERED {
            this.tell_sent();
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.tell_heard();
        ready!(this.poll_pay(cx))?;
        ready!(Pin::new(&mut this.inner).poll_flush(cx))?;
        this.tell_sent();
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Nobody sends any more, whatever place was given.
        self.reserved = false;
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// What left by this connection will not be acknowledged by it any more.
impl<C> Drop for Acknowledge<C> {
    fn drop(&mut self) {
        self.tell_heard();
        self.tell_sent();
    }
}
