//! A connection as a sink and a stream of frames.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use futures_sink::Sink;

use super::{Connection, FrameVisitor, Identified};
use crate::{Error, Frame, Identity};

/// Makes a [`Sink`] and [`Stream`] of frames of a [`Connection`], for the combinators of
/// `futures`, or for a layer that wraps a sink and a stream.
///
/// A frame that is sent goes to the connection at once. It waits here only if a layer
/// took the room between `poll_ready` and `start_send`, until the sink is polled again.
///
/// ```
/// use aiomsg_core::connection::FrameStream;
/// use aiomsg_core::{Connection, Error, Frame};
/// use futures::{SinkExt, StreamExt};
///
/// async fn echo(connection: impl Connection + Unpin) -> Result<(), Error> {
///     let mut connection = FrameStream::new(connection);
///     while let Some(frame) = connection.next().await {
///         connection.send(frame?).await?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct FrameStream<C> {
    inner: C,
    /// A frame without room: a layer took it after `poll_ready`.
    waiting: Option<Frame>,
    /// An error that came behind a frame.
    failed: Option<Error>,
}

impl<C> FrameStream<C> {
    /// Wraps a connection.
    pub fn new(inner: C) -> Self {
        Self {
            inner,
            waiting: None,
            failed: None,
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

    /// The connection inside. A frame that was sent and not flushed may be lost.
    pub fn into_inner(self) -> C {
        self.inner
    }
}

impl<C: Connection + Unpin> Stream for FrameStream<C> {
    type Item = Result<Frame, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(error) = this.failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let mut next = Next(None);
        let polled = this.inner.poll_recv(cx, &mut next);
        let (frame, error) = match (next.0, polled) {
            (None, Poll::Ready(None)) => return Poll::Ready(None),
            (None, Poll::Pending | Poll::Ready(Some(Ok(())))) => return Poll::Pending,
            (frame, Poll::Ready(Some(Err(error)))) => (frame, Some(error)),
            (frame, _) => (frame, None),
        };
        match frame {
            Some(frame) => {
                this.failed = error;
                Poll::Ready(Some(Ok(frame)))
            }
            None => Poll::Ready(error.map(Err)),
        }
    }
}

/// Takes one frame.
struct Next(Option<Frame>);

impl FrameVisitor for Next {
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        self.0 = Some(frame);
        ControlFlow::Break(())
    }
}

impl<C: Connection + Unpin> Sink<Frame> for FrameStream<C> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        // With none, this is a question.
        ready!(this.inner.poll_send(cx, &mut this.waiting))?;
        match &this.waiting {
            None => Poll::Ready(Ok(())),
            Some(_) => Poll::Pending,
        }
    }

    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        let this = self.get_mut();
        this.waiting = Some(frame);
        // There is room, as a rule. If not, the next poll of the sink wakes its task.
        let mut cx = Context::from_waker(Waker::noop());
        match this.inner.poll_send(&mut cx, &mut this.waiting) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if this.waiting.is_some() {
            ready!(this.inner.poll_send(cx, &mut this.waiting))?;
        }
        this.inner.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if this.waiting.is_some() {
            ready!(this.inner.poll_send(cx, &mut this.waiting))?;
        }
        this.inner.poll_close(cx)
    }
}

impl<C: Identified> Identified for FrameStream<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}
