//! Bytes on their way in.

use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::Error;
use aiomsg_core::codec::FrameCodec;
use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::blocks::{self, BLOCK};
use crate::io::explain;

/// What is read at once and is less than this is copied out of its block: the
/// frames in it would hold a whole block for little.
const FILLED: usize = BLOCK / 2;

/// A block with less room than this is read into no more.
const LEAST_ROOM: usize = BLOCK / 8;

/// A frame above this is read into a buffer of its own.
const LARGE: usize = BLOCK / 2;

/// How far ahead room is made for a frame of which only the length is known. A
/// peer that announces a large frame and sends little of it costs this much.
const RESERVE: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct ReadBuffer {
    /// What was read and not yet decoded.
    pub(super) bytes: BytesMut,
    /// Whether that is in a block, with room behind it.
    in_block: bool,
    /// The size of the buffer that it is in, if that is one for a large frame.
    own: usize,
    /// The length of the last frame, if it was large: large frames come in rows,
    /// as a rule, and of one length.
    expected: usize,
}

impl ReadBuffer {
    pub(super) fn new(bytes: BytesMut) -> Self {
        Self {
            bytes,
            in_block: false,
            own: 0,
            expected: 0,
        }
    }

    /// Reads once. `Ok(0)` is the end of the stream.
    pub(super) fn poll_fill<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        codec: &FrameCodec,
    ) -> Poll<Result<usize, Error>> {
        let read = match codec.frame_len(&self.bytes)? {
            Some(len) if len > LARGE => self.poll_fill_large(io, cx, len),
            None if self.expected > 0 => self.poll_fill_large(io, cx, self.expected),
            _ => self.poll_fill_block(io, cx),
        };
        if read.is_pending() {
            self.let_go();
        } else if self.expected > 0 {
            let large = codec.frame_len(&self.bytes)?.filter(|len| *len > LARGE);
            self.expected = large.unwrap_or_default();
        }
        read
    }

    /// A large frame, or the rest of it, goes straight into a buffer of its own.
    fn poll_fill_large<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        len: usize,
    ) -> Poll<Result<usize, Error>> {
        self.expected = len;
        let missing = len - self.bytes.len();
        // What has come shows how far the length is to be trusted.
        let more = missing.min(RESERVE.max(self.bytes.len()));
        if self.in_block || self.bytes.is_empty() {
            let (size, mut own) = blocks::take_large(self.bytes.len() + more);
            own.extend_from_slice(&self.bytes);
            self.replace(own, false);
            self.own = size;
        } else if self.bytes.capacity() - self.bytes.len() < more {
            // More than was expected: the next one may have been, too.
            self.bytes.reserve(more);
            self.own = 0;
        }
        poll_read_buf(Pin::new(io), cx, &mut self.bytes).map_err(explain)
    }

    fn poll_fill_block<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, Error>> {
        if self.in_block && self.bytes.capacity() - self.bytes.len() >= LEAST_ROOM {
            return poll_read_buf(Pin::new(io), cx, &mut self.bytes).map_err(explain);
        }
        // Less than a large frame.
        let mut block = blocks::take();
        block.extend_from_slice(&self.bytes);
        let read = poll_read_buf(Pin::new(io), cx, &mut block).map_err(explain);
        match read {
            Poll::Ready(Ok(_)) if block.len() >= FILLED => self.replace(block, true),
            Poll::Ready(Ok(_)) => {
                self.replace(BytesMut::from(&block[..]), false);
                blocks::give_back(block);
            }
            _ => blocks::give_back(block),
        }
        read
    }

    /// Nothing comes now: what is left of a frame is kept in a buffer that is
    /// no larger than it, and nothing else is kept.
    fn let_go(&mut self) {
        if self.bytes.is_empty() {
            // What was split off last may be all that holds a large buffer.
            self.replace(BytesMut::new(), false);
        } else if self.in_block {
            self.replace(BytesMut::from(&self.bytes[..]), false);
        }
    }

    fn replace(&mut self, bytes: BytesMut, in_block: bool) {
        let old = std::mem::replace(&mut self.bytes, bytes);
        let own = std::mem::take(&mut self.own);
        if std::mem::replace(&mut self.in_block, in_block) {
            blocks::give_back(old);
        } else if own > 0 {
            blocks::give_back_large(own, old);
        }
    }
}
