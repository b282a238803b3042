//! Handshakes that have sent our identity, and not yet read the peer's.
//!
//! A peer that knows our identity may admit the connection, and send on it at once.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use aiomsg_transport::Io;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dial::{Tries, UnderWay};

/// A byte stream during the handshake of the accepting end, which sends nothing before its
/// identity. From its first write on, the handshake counts as under way, and must not be
/// dropped.
pub(super) struct Telling<'a> {
    io: &'a mut Io,
    tries: &'a Tries,
    told: &'a Told,
}

/// Set when a peer knows our identity: its handshake is then under way.
pub(super) type Told = OnceLock<UnderWay>;

impl<'a> Telling<'a> {
    pub(super) fn new(io: &'a mut Io, tries: &'a Tries, told: &'a Told) -> Self {
        Self { io, tries, told }
    }

    fn tells(&mut self) -> Pin<&mut Io> {
        self.told.get_or_init(|| self.tries.begin());
        Pin::new(self.io)
    }
}

impl AsyncRead for Telling<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Telling<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.tells().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.tells().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(cx)
    }
}
