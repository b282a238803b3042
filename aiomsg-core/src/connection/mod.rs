//! Connections, and the layers around them.
//!
//! ```text
//!  session ─▶ Heartbeat( Acknowledge( [your layers]( Framed )))
//!
//!  arriving: Framed calls a visitor with each frame; each layer wraps the visitor
//!  leaving:  Framed asks a source for frames;        each layer wraps the source
//! ```
//!
//! There is one interface, [`Connection`], and three ways to write a layer for it:
//!
//! | write | use this when |
//! |---|---|
//! | [`arriving_fn`], [`leaving_fn`] | a function of a frame says it all |
//! | [`FrameHook`] | the layer has state for each connection, sees both directions, or needs to know the peer ([`HookLayer::per_peer`]) |
//! | [`Connection`] | the layer sends frames of its own, or acts by the clock |
//!
//! A type that is a [`Sink`](futures_sink::Sink) and a [`Stream`](futures_core::Stream)
//! of frames is a connection in [`OneByOne`], and a connection is such a type in
//! [`FrameStream`].

mod frame_stream;
mod hook;
mod hook_layer;
mod hooked;
mod one_by_one;
mod through;
mod visit;

pub use frame_stream::FrameStream;
pub use hook::FrameHook;
pub use hook_layer::{ArrivingFn, HookLayer, LeavingFn, PeerHookLayer, arriving_fn, leaving_fn};
pub use hooked::Hooked;
pub use one_by_one::{OneByOne, SinkStream};
pub use visit::{FrameSource, FrameVisitor};

use std::task::{Context, Poll};

use crate::{Error, Identity};

/// A connection: frames arrive by it and leave by it, many in one call.
///
/// A layer implements it once, and wraps the connection below. It wraps the visitor or
/// the source, too, and the compiler makes one loop of all layers: a frame that passes
/// is not moved from layer to layer. Functions that are called for each frame need
/// `#[inline(always)]` for that.
///
/// Most layers do not implement it: a [`FrameHook`] sees each frame in both
/// directions, and an [`arriving_fn`] is a closure.
///
/// A frame that was visited has arrived, and the acknowledging layer acknowledges it at
/// the next flush. So a layer that keeps a frame must deliver it later, or answer for it.
///
/// ```
/// use std::task::{Context, Poll};
/// use aiomsg_core::{Connection, Error, Frame, FrameSource, FrameVisitor};
///
/// /// Says hello before anything else is sent.
/// struct Polite<C> {
///     inner: C,
///     hello: Option<Frame>,
/// }
///
/// impl<C: Connection> Connection for Polite<C> {
///     fn poll_recv<V: FrameVisitor>(
///         &mut self,
///         cx: &mut Context<'_>,
///         visitor: &mut V,
///     ) -> Poll<Option<Result<(), Error>>> {
///         self.inner.poll_recv(cx, visitor)
///     }
///
///     fn poll_send<S: FrameSource>(
///         &mut self,
///         cx: &mut Context<'_>,
///         source: &mut S,
///     ) -> Poll<Result<(), Error>> {
///         if self.hello.is_some() {
///             // An `Option<Frame>` is a source.
///             std::task::ready!(self.inner.poll_send(cx, &mut self.hello))?;
///         }
///         self.inner.poll_send(cx, source)
///     }
///
///     fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
///         self.inner.poll_flush(cx)
///     }
///
///     fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
///         self.inner.poll_close(cx)
///     }
/// }
/// # fn check(connection: impl Connection) -> impl Connection {
/// #     Polite { inner: connection, hello: Some(Frame::data("hello")) }
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a connection",
    label = "not a connection of frames",
    note = "a connection implements `aiomsg::layer::Connection`; a layer of connections makes one of one",
    note = "a type that is a `Sink` and a `Stream` of frames is a connection in `OneByOne`: the layer \
            that makes it returns `OneByOne::new(it)`",
    note = "layers over a `tower::Service`, such as tower's own, wrap messages and not connections: \
            they go to `SocketBuilder::layer` or `receive_layer`"
)]
pub trait Connection: Send {
    /// Calls the visitor with each frame that has arrived, in their order, until the
    /// visitor wants no more or nothing is left.
    ///
    /// - `Pending`: nothing more is there now, and the task is woken when there
    ///   may be. Frames may have been visited.
    /// - `Ready(Some(Ok(())))`: the visitor wants no more. It has taken the frame
    ///   with which it said so.
    /// - `Ready(Some(Err(_)))`: the connection has failed, or a frame was wrong.
    /// - `Ready(None)`: the peer has ended the connection.
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>>;

    /// Says whether the peer has ended the connection, for a caller that has no room
    /// for frames: `Ready` when nothing is left before the end, or the connection has
    /// failed. The task is woken when either may be. One frame may be read ahead, and
    /// is visited first when frames are wanted again.
    ///
    /// By default it is never ready. A layer forwards it.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        let _ = cx;
        Poll::Pending
    }

    /// Takes frames from the source while there is room. The source is asked only when
    /// there is room for a frame, and told when there is none for another, so no frame
    /// is left over.
    ///
    /// - `Pending`: there is no room now, and the task is woken when there may be.
    ///   Frames may have been taken.
    /// - `Ready(Ok(()))`: the source has no more frames, and there was room.
    ///
    /// Frames that were taken leave at the next [`poll_flush`](Self::poll_flush), or
    /// before that.
    ///
    /// # Errors
    ///
    /// When the connection has failed. The frame that could not be sent is gone.
    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>>;

    /// [`poll_recv`](Self::poll_recv), with a hook that sees each frame before the
    /// visitor does: for a connection that wraps this one.
    ///
    /// A hook that drops thousands of frames in one call is interrupted, so that other
    /// tasks have their turn.
    #[inline(always)]
    fn poll_recv_through<H: FrameHook, V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        hook: &mut H,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        through::poll_recv(self, cx, hook, visitor)
    }

    /// [`poll_send`](Self::poll_send), with a hook that sees each frame of the source:
    /// for a connection that wraps this one.
    ///
    /// # Errors
    ///
    /// As for `poll_send`, and those of [`FrameHook::settle`].
    #[inline(always)]
    fn poll_send_through<H: FrameHook, S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        hook: &mut H,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        through::poll_send(self, cx, hook, source)
    }

    /// Sends the frames that were taken. `Ready` when all of them have left.
    ///
    /// # Errors
    ///
    /// When the connection has failed.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Flushes, and ends this direction of the connection. The other one can still be
    /// read.
    ///
    /// # Errors
    ///
    /// When the connection has failed.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;
}

/// A connection that knows its peer.
///
/// The innermost connection of a socket does. A layer with something for each peer
/// needs it (`C: Connection + Identified`), and a layer that wraps a connection
/// forwards it, for the layers around it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which peer it belongs to",
    note = "implement `Identified` for it by asking the connection that it wraps, or add its layer \
            before the one that needs to know: the layer that is added last is nearest to the peer"
)]
pub trait Identified {
    /// The identity of the peer.
    fn identity(&self) -> &Identity;
}

impl<T: Identified + ?Sized> Identified for Box<T> {
    fn identity(&self) -> &Identity {
        (**self).identity()
    }
}

#[cfg(test)]
mod tests;
