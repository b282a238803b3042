//! A byte stream over WebSocket.

mod mask;
mod read;
mod spare;
mod write;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::read::{Asked, Unframer};
use self::write::Framer;
use super::Role;
use super::buffer;
use super::error::WebSocketError;

/// The code of a close that is nobody's fault.
const NORMAL: u16 = 1000;

/// A byte stream over an upgraded connection.
#[derive(Debug)]
pub(super) struct WebSocketStream<S> {
    io: S,
    frames: Frames,
}

/// All of a [`WebSocketStream`] but the connection under it.
#[derive(Debug)]
pub(super) struct Frames {
    /// What came behind the head of the upgrade.
    first: BytesMut,
    unframer: Unframer,
    framer: Framer,
    /// The code of the close frame that ends our direction: that of the peer's, if it has sent
    /// one. It goes out with the shutdown, behind what this end still has to send.
    code: u16,
    /// How the peer has broken the protocol, behind what was read.
    broken: Option<WebSocketError>,
}

impl<S> WebSocketStream<S> {
    pub(super) fn new(io: S, role: Role, first: BytesMut) -> Self {
        let frames = Frames::new(role, first);
        Self { io, frames }
    }
}

impl Frames {
    pub(super) fn new(role: Role, first: BytesMut) -> Self {
        Self {
            first,
            unframer: Unframer::new(role),
            framer: Framer::new(role),
            code: NORMAL,
            broken: None,
        }
    }

    pub(super) fn poll_read<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if let Some(broken) = &self.broken {
                return Poll::Ready(Err(broken.clone().into()));
            }
            if self.unframer.is_closed() || buf.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let start = buf.filled().len();
            if self.first.is_empty() {
                ready!(Pin::new(&mut *io).poll_read(cx, buf))?;
            } else {
                buffer::read(&mut self.first, buf);
            }
            let came = &mut buf.filled_mut()[start..];
            if came.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let (framer, code) = (&mut self.framer, &mut self.code);
            let mut asked = false;
            let (payload, taken) = self.unframer.unframe(came, &mut |it| match it {
                Asked::Pong(payload) => {
                    asked = true;
                    framer.pong(payload);
                }
                Asked::Close(theirs) => *code = theirs,
            });
            buf.set_filled(start + payload);
            if let Err(WebSocketError::Broken { code, .. }) = &taken {
                framer.close(*code);
            }
            self.broken = taken.err();
            if asked || self.broken.is_some() {
                // What cannot be written now is written by the next write or flush, which has
                // the error if none can be: what a peer has sent before it left is still read.
                let _ = self.framer.poll_drain(io, cx);
            }
            if payload > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.framer.poll_push(io, cx, bytes)
    }

    pub(super) fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.framer.poll_drain(io, cx))?;
        Pin::new(io).poll_flush(cx)
    }

    /// Sends a close frame, which answers that of the peer if it has sent one. The connection
    /// under it is shut down once both ends have sent theirs: until then the peer's last bytes
    /// may come, and its answer.
    pub(super) fn poll_shutdown<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.framer.is_closed() {
            self.framer.close(self.code);
        }
        ready!(self.poll_flush(io, cx))?;
        match self.unframer.is_closed() {
            true => Pin::new(io).poll_shutdown(cx),
            false => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.frames.poll_read(&mut this.io, cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WebSocketStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.frames.poll_write(&mut this.io, cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.frames.poll_flush(&mut this.io, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.frames.poll_shutdown(&mut this.io, cx)
    }
}

#[cfg(test)]
mod tests;
