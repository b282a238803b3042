//! The accepting end: what a peer is, and the upgrade of those that ask for it.
//!
//! ```text
//!            first byte 00, or silence              ┌───────── Raw: bytes pass through
//!  Undecided ───────────────────────────────────────┘
//!      │ the method of a request     the guard allows it
//!      └──────────────── Head ────── Answer(Open) ── Open: bytes in binary messages
//!                          │
//!                          └──────── Answer(Refused) ── the connection ends
//! ```

mod future;
mod peer;
mod upgrade;

pub use future::AcceptingFuture;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::peer::Deciding;
use super::buffer;
use super::guard::WebSocketGuard;
use super::stream::Frames;

/// An accepted byte stream, raw or by WebSocket.
pub(super) struct Accepting<S> {
    io: S,
    state: State,
}

enum State {
    /// It is not known yet. Reads and writes drive the decision.
    Deciding(Box<Deciding>),
    /// The peer is a raw one, and these bytes of it were read to find that out.
    Raw(BytesMut),
    Open(Box<Frames>),
}

impl<S> Accepting<S> {
    pub(super) fn new(io: S, guard: Arc<WebSocketGuard>) -> Self {
        Self {
            io,
            state: State::Deciding(Box::new(Deciding::new(guard))),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Accepting<S> {
    /// Ready when it is known what the peer is. `writes`: we have something to say, so a peer
    /// that is silent for long is a raw one.
    #[inline]
    fn poll_decided(&mut self, cx: &mut Context<'_>, writes: bool) -> Poll<io::Result<()>> {
        match self.state {
            State::Deciding(_) => self.poll_deciding(cx, writes),
            _ => Poll::Ready(Ok(())),
        }
    }

    #[cold]
    fn poll_deciding(&mut self, cx: &mut Context<'_>, writes: bool) -> Poll<io::Result<()>> {
        if let State::Deciding(deciding) = &mut self.state {
            self.state = ready!(deciding.poll(&mut self.io, cx, writes))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Accepting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_decided(cx, false))?;
        let this = &mut *self;
        match &mut this.state {
            State::Open(frames) => frames.poll_read(&mut this.io, cx, buf),
            State::Raw(first) if !first.is_empty() => {
                buffer::read(first, buf);
                Poll::Ready(Ok(()))
            }
            _ => Pin::new(&mut this.io).poll_read(cx, buf),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Accepting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_decided(cx, true))?;
        let this = &mut *self;
        match &mut this.state {
            State::Open(frames) => frames.poll_write(&mut this.io, cx, &[IoSlice::new(bytes)]),
            _ => Pin::new(&mut this.io).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_decided(cx, true))?;
        let this = &mut *self;
        match &mut this.state {
            State::Open(frames) => frames.poll_write(&mut this.io, cx, bytes),
            _ => Pin::new(&mut this.io).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self.state {
            State::Open(_) => true,
            _ => self.io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match &mut this.state {
            State::Open(frames) => frames.poll_flush(&mut this.io, cx),
            _ => Pin::new(&mut this.io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match &mut this.state {
            State::Open(frames) => frames.poll_shutdown(&mut this.io, cx),
            _ => Pin::new(&mut this.io).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests;
