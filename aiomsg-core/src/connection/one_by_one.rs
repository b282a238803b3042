//! A sink and a stream of frames as a connection.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use super::{Connection, FrameSource, FrameVisitor, Identified};
use crate::{Error, Frame, Identity};

/// A sink and a stream of frames.
///
/// This is a name for the bounds, not something to implement: every type with the two
/// traits has it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sink and a stream of frames",
    note = "the bounds are `Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Send + Unpin`"
)]
pub trait SinkStream:
    Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Send + Unpin
{
}

#[diagnostic::do_not_recommend]
impl<T> SinkStream for T where
    T: Stream<Item = Result<Frame, Error>> + Sink<Frame, Error = Error> + Send + Unpin
{
}

/// Makes a [`Connection`] of a [`Sink`] and [`Stream`] of frames.
///
/// Each frame is moved by itself, which costs a flood of small messages about 30 ns for
/// each. A layer of a socket's connections whose type is a sink and a stream wraps it in
/// this one:
///
/// ```text
/// Socket::builder().connection_layer(layer_fn(|inner| OneByOne::new(Yours { inner })))
/// ```
///
/// ```
/// use aiomsg_core::Connection;
/// use aiomsg_core::connection::{OneByOne, SinkStream};
///
/// fn connection(both: impl SinkStream) -> impl Connection {
///     OneByOne::new(both)
/// }
/// ```
#[derive(Debug)]
pub struct OneByOne<C> {
    inner: C,
}

impl<C> OneByOne<C> {
    /// Wraps a sink and stream.
    pub fn new(inner: C) -> Self {
        Self { inner }
    }

    /// The sink and stream inside.
    pub fn get_ref(&self) -> &C {
        &self.inner
    }

    /// The sink and stream inside.
    pub fn get_mut(&mut self) -> &mut C {
        &mut self.inner
    }

    /// The sink and stream inside.
    pub fn into_inner(self) -> C {
        self.inner
    }
}

impl<C: SinkStream> Connection for OneByOne<C> {
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        loop {
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                Some(Ok(frame)) => {
                    if visitor.visit(frame).is_break() {
                        return Poll::Ready(Some(Ok(())));
                    }
                }
                ended => return Poll::Ready(ended.map(|result| result.map(drop))),
            }
        }
    }

    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        loop {
            ready!(Pin::new(&mut self.inner).poll_ready(cx))?;
            let mut one = One {
                inner: &mut self.inner,
                result: Ok(()),
            };
            let fed = source.feed(&mut one);
            one.result?;
            if fed.is_continue() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// Sends the one frame for which there is room.
struct One<'a, C> {
    inner: &'a mut C,
    result: Result<(), Error>,
}

impl<C: SinkStream> FrameVisitor for One<'_, C> {
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        self.result = Pin::new(&mut *self.inner).start_send(frame);
        ControlFlow::Break(())
    }
}

impl<C: Identified> Identified for OneByOne<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}
