//! Faults that a checker must find: put in the way on purpose, to see that it
//! does.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use aiomsg::Error;
use aiomsg::layer::Frame;
use aiomsg::layer::OneByOne;
use aiomsg::layer::PeerConnection;
use futures::{Sink, Stream};
use tower::Layer;

use crate::network::Brokenness;
use crate::payload::largest;
use crate::plan::Sizes;
use crate::stranger::WORDS;
use crate::talk;

#[derive(Clone)]
pub(crate) enum Sabotage {
    /// Something is wrong with frames.
    Frames(Meddler),
    /// Something is wrong with the network.
    Network(Brokenness),
    /// Hosts wait no second for a peer that is silent.
    Impatient,
    /// Reports of a close that was called again are not read.
    LosesReports,
}

/// What is done to messages on their way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meddling {
    Drop,
    /// Those of a few bytes.
    DropTiny,
    Repeat,
    Swap,
    Change,
    /// They are replaced by what strangers say.
    Impersonate,
    /// Answers are replaced by what strangers answer.
    Misanswer,
    /// They are not sent, and their sender hears that they are acknowledged.
    Forge,
    /// Acknowledgements are sent for what is then not handed on.
    Swallow,
}

/// A layer that does something wrong to one message in seven.
#[derive(Clone)]
pub(crate) struct Meddler {
    how: Meddling,
    count: Arc<AtomicUsize>,
}

impl Meddler {
    pub(crate) fn new(how: Meddling) -> Self {
        Self {
            how,
            count: Arc::default(),
        }
    }
}

impl Layer<PeerConnection> for Meddler {
    type Service = OneByOne<Meddled>;

    fn layer(&self, inner: PeerConnection) -> OneByOne<Meddled> {
        OneByOne::new(Meddled {
            inner,
            meddler: self.clone(),
            kept: None,
            forged: VecDeque::new(),
        })
    }
}

pub(crate) struct Meddled {
    inner: PeerConnection,
    meddler: Meddler,
    /// A message that has to let another one go first.
    kept: Option<Frame>,
    /// Acknowledgements that nobody has sent.
    forged: VecDeque<Frame>,
}

impl Meddler {
    fn now(&self, frame: &Frame) -> bool {
        let Some(payload) = frame.payload() else {
            return false;
        };
        if self.how == Meddling::DropTiny && payload.len() != largest(Sizes::Tiny) {
            return false;
        }
        if self.how == Meddling::Misanswer && talk::replaced(payload).is_none() {
            return false;
        }
        self.count.fetch_add(1, Ordering::Relaxed) % 7 == 6
    }
}

impl Meddled {
    fn send(&mut self, frame: Frame) -> Result<(), Error> {
        Pin::new(&mut self.inner).start_send(frame)
    }
}

impl Stream for Meddled {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(forged) = self.forged.pop_front() {
            return Poll::Ready(Some(Ok(forged)));
        }
        loop {
            let next = ready!(Pin::new(&mut self.inner).poll_next(cx));
            if let Some(Ok(Frame::Request { id, .. })) = &next
                && self.meddler.how == Meddling::Swallow
                && let Some(Ok(frame)) = &next
                && self.meddler.now(frame)
            {
                self.send(Frame::ack(*id))?;
                continue;
            }
            return Poll::Ready(next);
        }
    }
}

impl Sink<Frame> for Meddled {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        let this = &mut *self;
        if let Some(kept) = this.kept.take() {
            this.send(frame)?;
            return this.send(kept);
        }
        if this.meddler.how == Meddling::Swallow || !this.meddler.now(&frame) {
            return this.send(frame);
        }
        match this.meddler.how {
            Meddling::Drop | Meddling::DropTiny | Meddling::Swallow => Ok(()),
            Meddling::Repeat => {
                this.send(frame.clone())?;
                this.send(frame)
            }
            Meddling::Swap => {
                this.kept = Some(frame);
                Ok(())
            }
            Meddling::Forge => match &frame {
                Frame::Request { id, .. } => {
                    this.forged.push_back(Frame::ack(*id));
                    Ok(())
                }
                _ => this.send(frame),
            },
            Meddling::Misanswer => {
                let forged = frame.payload().and_then(|it| talk::replaced(it));
                this.send(forged.map_or(frame, Frame::data))
            }
            Meddling::Impersonate => this.send(match frame {
                Frame::Data { .. } => Frame::data(WORDS),
                other => other,
            }),
            Meddling::Change => this.send(match frame {
                Frame::Data { .. } => Frame::data("something else"),
                other => other,
            }),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
