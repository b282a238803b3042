//! Bytes on their way in.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::Error;
use aiomsg_core::codec::FrameCodec;
use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::io::explain;

/// How much is read at once. Half of it also decides which frames are large.
const SCRATCH: usize = 128 << 10;

/// How far ahead room is made for a frame of which only the length is known.
/// A peer that announces a large frame and sends little of it costs this much.
const RESERVE: usize = 256 << 10;

thread_local! {
    /// Reading into a buffer that all connections of a thread share keeps
    /// silent peers from holding one each, and frames from pinning more memory
    /// than was read.
    static SCRATCH_BUFFER: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

#[derive(Debug)]
pub(super) struct ReadBuffer {
    /// What was read and not yet decoded.
    pub(super) bytes: BytesMut,
}

impl ReadBuffer {
    pub(super) fn new(bytes: BytesMut) -> Self {
        Self { bytes }
    }

    /// Reads once. `Ok(0)` is the end of the stream.
    pub(super) fn poll_fill<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        codec: &FrameCodec,
    ) -> Poll<Result<usize, Error>> {
        if self.bytes.is_empty() {
            // What was split off last may be all that holds a large buffer.
            self.bytes = BytesMut::new();
        }
        let missing = codec
            .frame_len(&self.bytes)?
            .map_or(0, |len| len - self.bytes.len());
        if missing > SCRATCH / 2 {
            self.bytes.reserve(missing.min(RESERVE));
            poll_read_buf(Pin::new(io), cx, &mut self.bytes).map_err(explain)
        } else {
            self.poll_fill_from_scratch(io, cx)
        }
    }

    fn poll_fill_from_scratch<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, Error>> {
        let mut scratch = SCRATCH_BUFFER
            .take()
            .unwrap_or_else(|| vec![0; SCRATCH].into_boxed_slice());
        let mut target = ReadBuf::new(&mut scratch);
        let result = Pin::new(io).poll_read(cx, &mut target);
        let filled = target.filled();
        if !filled.is_empty() {
            self.append(filled);
        }
        let read = filled.len();
        SCRATCH_BUFFER.set(Some(scratch));
        ready!(result).map_err(explain)?;
        Poll::Ready(Ok(read))
    }

    /// Appends to a buffer that is exactly as large as it must be, unless
    /// there is room behind the bytes that are there.
    fn append(&mut self, new: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < new.len() {
            let mut joined = BytesMut::with_capacity(self.bytes.len() + new.len());
            joined.extend_from_slice(&self.bytes);
            self.bytes = joined;
        }
        self.bytes.extend_from_slice(new);
    }
}
