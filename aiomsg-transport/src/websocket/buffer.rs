//! Buffers on their way in and out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncWrite, ReadBuf};

/// Writes all of a buffer.
pub(super) fn poll_write_all(
    io: &mut (impl AsyncWrite + Unpin),
    cx: &mut Context<'_>,
    out: &mut BytesMut,
) -> Poll<io::Result<()>> {
    while !out.is_empty() {
        let written = ready!(Pin::new(&mut *io).poll_write(cx, out))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        out.advance(written);
    }
    Poll::Ready(Ok(()))
}

/// Reads from bytes that are here already, and frees them when all are read.
pub(super) fn read(first: &mut BytesMut, buf: &mut ReadBuf<'_>) {
    let len = first.len().min(buf.remaining());
    buf.put_slice(&first[..len]);
    first.advance(len);
    if first.is_empty() {
        *first = BytesMut::new();
    }
}
