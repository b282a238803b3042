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
const MOST_GATHERED: usize = 256;

/// A connection that acknowledges requests and hears acknowledgements. See the
/// [module](super).
#[derive(Debug)]
pub struct Acknowledge<C> {
    inner: C,
    /// Requests that were yielded and not yet acknowledged.
    owed: VecDeque<MessageId>,
    /// What the peer acknowledged and was not yet told on.
    heard: Vec<MessageId>,
    /// Requests that were given to the connection since the last flush.
    sent: Vec<MessageId>,
    unacked: Option<ConnectionAcks>,
    /// The caller was told that it may send, and has not: the place is its own.
    reserved: bool,
    /// Others acknowledge what is yielded.
    deferral: Deferral,
}

impl<C> Acknowledge<C> {
    pub(super) fn new(inner: C, unacked: Option<ConnectionAcks>, deferral: Deferral) -> Self {
        Self {
            inner,
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

    fn tell_heard(&mut self) {
        if self.heard.is_empty() {
            return;
        }
        if let Some(unacked) = &self.unacked {
            unacked.acknowledged(&self.heard);
        }
        self.heard.clear();
    }

    fn tell_sent(&mut self) {
        if self.sent.is_empty() {
            return;
        }
        if let Some(unacked) = &self.unacked {
            unacked.sent(&self.sent);
        }
        self.sent.clear();
    }
}

impl<C: Connection> Acknowledge<C> {
    /// Gives the connection all acknowledgements that are owed. They wait while
    /// the next place in it is the caller's.
    fn poll_pay(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
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
            if this.owed.len() >= MOST_OWED {
                if let Err(error) = ready!(this.poll_pay(cx)) {
                    return Poll::Ready(Some(Err(error)));
                }
                if !this.owed.is_empty() {
                    // The next place is the caller's: it must send first.
                    return Poll::Pending;
                }
            }
            match Pin::new(&mut this.inner).poll_next(cx) {
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
