//! A stream of bytes that comes, and is taken, in pieces.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The sizes of the pieces, by turns. Without any, everything is one piece.
///
/// In an input: their number (of which the lower four bits count), and for each
/// one byte, which is the size less one.
#[derive(Debug, Clone, Default)]
pub struct Cuts(Vec<usize>);

impl Cuts {
    /// Takes the cuts off the front of an input.
    pub fn take(input: &[u8]) -> (Self, &[u8]) {
        let Some((&count, rest)) = input.split_first() else {
            return (Self::default(), input);
        };
        let (sizes, rest) = rest.split_at(rest.len().min(usize::from(count & 0x0f)));
        let sizes = sizes.iter().map(|&size| usize::from(size) + 1).collect();
        (Self(sizes), rest)
    }

    /// The pieces of these bytes.
    pub fn of<'a>(&self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut sizes = self.sizes();
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let size = sizes.next().unwrap_or(bytes.len());
            let (piece, rest) = bytes.split_at(size.min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }

    fn sizes(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().copied().cycle()
    }
}

/// Reads from bytes, or writes them, piece by piece. Between two pieces it is
/// pending once, as a socket that has nothing more is.
#[derive(Debug)]
pub struct Pieces {
    cuts: Cuts,
    position: usize,
    rested: bool,
    to_read: Vec<u8>,
    /// What was written.
    pub written: Vec<u8>,
    /// As many bytes are taken, and no more.
    pub takes: usize,
}

impl Pieces {
    /// Yields these bytes and then the end, and takes all that is written.
    pub fn new(cuts: &Cuts, to_read: &[u8]) -> Self {
        Self {
            cuts: cuts.clone(),
            position: 0,
            rested: false,
            to_read: to_read.to_vec(),
            written: Vec::new(),
            takes: usize::MAX,
        }
    }

    fn poll_size(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        self.rested = !self.rested;
        if self.rested {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let sizes = &self.cuts.0;
        if sizes.is_empty() {
            return Poll::Ready(usize::MAX);
        }
        let size = sizes[self.position % sizes.len()];
        self.position += 1;
        Poll::Ready(size)
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_size(cx).map(|size| {
            let size = size.min(buf.remaining()).min(this.to_read.len());
            buf.put_slice(&this.to_read[..size]);
            this.to_read.drain(..size);
            Ok(())
        })
    }
}

impl AsyncWrite for Pieces {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.takes == 0 {
            return Poll::Pending;
        }
        this.poll_size(cx).map(|size| {
            let size = size.min(bytes.len()).min(this.takes);
            this.written.extend_from_slice(&bytes[..size]);
            this.takes -= size;
            Ok(size)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
