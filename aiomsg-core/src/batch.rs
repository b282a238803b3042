//! Connections that hand on many frames in one call.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;

use crate::{Connection, Error, Frame};

/// A connection that hands on all frames that are there, in either direction, in
/// one call.
///
/// A stream yields one item at a time and a sink takes one, and each layer in
/// between moves it once more: for a flood of small messages, moving them is most
/// of what they cost. Here whoever has frames calls a visitor with each of them: a
/// connection that reads calls the session's, and a session that sends calls the
/// connection's. A layer wraps the visitor in one of its own, and the compiler makes
/// one loop of all of them, in which a frame is never put together. That takes
/// `#[inline(always)]` on what is called for each frame.
///
/// It is an option: of any other connection [`OneByOne`] makes one of these. A layer
/// that implements it does in both ways what it does in either, as a frame goes one
/// of them and not both.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hand on many frames at once",
    note = "any connection does in `OneByOne::new(connection)`"
)]
pub trait BatchConnection: Connection {
    /// Calls the visitor with the frames that are there, in their order, and reads
    /// on, until the visitor wants no more or nothing is left.
    ///
    /// - `Pending`: nothing more is there now, and the task is woken when there
    ///   may be. Frames may have been visited.
    /// - `Ready(Some(Ok(())))`: the visitor wants no more. It has taken the frame
    ///   with which it said so.
    /// - `Ready(Some(Err(_)))` and `Ready(None)`: what the stream would yield.
    fn poll_next_batch<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>>;

    /// Whether the peer has ended the connection, for a caller that has no room for
    /// what it has sent and hands on no frame now: `Ready` when nothing is left
    /// before the end, or the connection has failed. The task is woken when either
    /// may be. One frame may be read ahead, and is visited first when frames are
    /// wanted again.
    ///
    /// By default, nobody knows.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        let _ = cx;
        Poll::Pending
    }

    /// Takes frames while there is room: what [`poll_ready`] and [`start_send`] do
    /// by turns. The source is asked for frames when there is room for one, and
    /// told when there is for no more, so none is left over.
    ///
    /// - `Pending`: there is no room now, and the task is woken when there may be.
    /// - `Ready(Ok(()))`: there are no more frames.
    ///
    /// # Errors
    ///
    /// Those of the sink. The frame that could not be sent is gone.
    ///
    /// [`poll_ready`]: Sink::poll_ready
    /// [`start_send`]: Sink::start_send
    fn poll_send_batch<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>>;
}

/// Is handed frames, one after the other.
pub trait FrameVisitor {
    /// Takes a frame, and says whether it wants more.
    fn visit(&mut self, frame: Frame) -> ControlFlow<()>;
}

/// Has frames that are to be sent.
pub trait FrameSource {
    /// Calls the visitor with the next frames, in their order, until it wants no
    /// more ([`Break`](ControlFlow::Break)) or there are none
    /// ([`Continue`](ControlFlow::Continue)).
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()>;
}

/// Any connection as one that hands on many frames at once: it moves them one by
/// one, as its stream and its sink do.
///
/// ```
/// use aiomsg_core::{BatchConnection, Connection, OneByOne};
///
/// fn in_batches(connection: impl Connection) -> impl BatchConnection {
///     OneByOne::new(connection)
/// }
/// ```
#[derive(Debug)]
pub struct OneByOne<C>(C);

impl<C> OneByOne<C> {
    /// Wraps a connection.
    pub fn new(connection: C) -> Self {
        Self(connection)
    }

    /// The connection inside.
    pub fn get_ref(&self) -> &C {
        &self.0
    }
}

impl<C: Connection> Stream for OneByOne<C> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl<C: Connection> Sink<Frame> for OneByOne<C> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        Pin::new(&mut self.0).start_send(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl<C: Connection> BatchConnection for OneByOne<C> {
    fn poll_next_batch<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_next(cx)) {
                Some(Ok(frame)) => {
                    if visitor.visit(frame).is_break() {
                        return Poll::Ready(Some(Ok(())));
                    }
                }
                ended => return Poll::Ready(ended.map(|result| result.map(drop))),
            }
        }
    }

    fn poll_send_batch<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        loop {
            ready!(Pin::new(&mut self.0).poll_ready(cx))?;
            let mut one = One {
                connection: &mut self.0,
                result: Ok(()),
            };
            let fed = source.feed(&mut one);
            one.result?;
            if fed.is_continue() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Sends the one frame for which there is room.
struct One<'a, C> {
    connection: &'a mut C,
    result: Result<(), Error>,
}

impl<C: Connection> FrameVisitor for One<'_, C> {
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        self.result = Pin::new(&mut *self.connection).start_send(frame);
        ControlFlow::Break(())
    }
}
