//! Bytes on their way in.

use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Error, Link};
use bytes::BytesMut;
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::blocks::{self, BLOCK};
use super::incomplete::{IncompleteFrames, Ticket};
use crate::codec::{FrameCodec, PREFIX};
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

/// A message that has less than this part of its buffer does not hold it alone.
const LEAST_PART: usize = 4;

/// A buffer up to this size is shared in any case: there is not much to be saved.
const SMALL: usize = 1 << 10;

#[derive(Debug)]
pub(super) struct ReadBuffer {
    /// The bytes that were read and not yet decoded.
    pub(super) bytes: BytesMut,
    place: Place,
    /// Messages of less than this are to be copied out of the buffer. With 0 they
    /// share it.
    copied_below: usize,
    /// The length of the last frame, if it was large: large frames come in rows,
    /// as a rule, and of one length.
    expected: usize,
    /// The large frames of all connections.
    pub(super) incomplete: Option<IncompleteFrames>,
    /// The place among them of the one that is being read.
    ticket: Option<Box<Ticket>>,
}

/// The buffer of the bytes.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// A buffer that is of no more use.
    Loose,
    /// A block, with room behind them.
    Block,
    /// A buffer of just this size.
    Exact(usize),
    /// One for a large frame.
    Own {
        /// Its size, unless it has grown.
        size: usize,
        /// The bytes that were read into it.
        filled: usize,
    },
}

impl ReadBuffer {
    pub(super) fn new(bytes: BytesMut) -> Self {
        let copied_below = match bytes.capacity() {
            0..=SMALL => 0,
            size => size / LEAST_PART,
        };
        Self {
            bytes,
            place: Place::Loose,
            copied_below,
            expected: 0,
            incomplete: None,
            ticket: None,
        }
    }

    #[inline(always)]
    pub(super) fn copied_below(&self) -> usize {
        self.copied_below
    }

    /// Reads once. `Ok(0)` is the end of the stream.
    pub(super) fn poll_fill<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        codec: &FrameCodec,
        link: &Link,
    ) -> Poll<Result<usize, Error>> {
        let large = codec.frame_len(&self.bytes)?.filter(|len| *len > LARGE);
        let read = match large {
            Some(len) if len > BLOCK => self.poll_fill_counted(io, cx, len, link),
            Some(len) => self.poll_fill_large(io, cx, len),
            None if self.expected > 0 && self.bytes.len() < PREFIX => {
                self.poll_fill_large(io, cx, self.expected)
            }
            None => self.poll_fill_block(io, cx),
        };
        if read.is_pending() {
            self.let_go(large.is_some());
        } else if self.expected > 0 {
            let large = codec.frame_len(&self.bytes)?.filter(|len| *len > LARGE);
            self.expected = large.unwrap_or_default();
        }
        read
    }

    /// The same as for any large frame, for one that counts among those of all
    /// connections until it is whole.
    fn poll_fill_counted<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        len: usize,
        link: &Link,
    ) -> Poll<Result<usize, Error>> {
        let Some(incomplete) = &self.incomplete else {
            return self.poll_fill_large(io, cx, len);
        };
        let ticket = match self.ticket.take() {
            Some(ticket) => ticket,
            None => Box::new(incomplete.begin(link)),
        };
        let counted = ticket.hold(self.make_room(len)).and_then(|()| {
            let read = self.poll_read(io, cx);
            match &read {
                Poll::Pending => ticket.wait(cx)?,
                Poll::Ready(Ok(bytes)) => ticket.add(*bytes),
                Poll::Ready(Err(_)) => {}
            }
            Ok(read)
        });
        if counted.is_err() {
            self.replace(BytesMut::new(), Place::Loose, 0);
        }
        if self.bytes.len() < len {
            self.ticket = Some(ticket);
        }
        counted.unwrap_or_else(|error| Poll::Ready(Err(error)))
    }

    /// A large frame, or the rest of it, goes straight into a buffer of its own.
    fn poll_fill_large<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        len: usize,
    ) -> Poll<Result<usize, Error>> {
        self.make_room(len);
        self.poll_read(io, cx)
    }

    /// Makes room for more of a large frame, and says how large its buffer is.
    fn make_room(&mut self, len: usize) -> usize {
        self.expected = len;
        let left = self.bytes.len();
        let missing = len - left;
        // The bytes that have come show how far the length can be trusted.
        let more = missing.min(RESERVE.max(left));
        let fits = self.bytes.capacity() - left >= missing.min(BLOCK);
        match self.place {
            Place::Own { .. } if fits && left > 0 => {}
            // Nothing was split off it, so nothing else holds it.
            Place::Own { filled, .. } if filled == left && left > 0 => {
                // More than was expected: the next one may have been, too.
                self.bytes.reserve(more);
                self.place = Place::Own { size: 0, filled };
                self.copied_below = self.bytes.capacity() / LEAST_PART;
            }
            _ => {
                let (size, mut own) = blocks::take_large(left + more);
                own.extend_from_slice(&self.bytes);
                let place = Place::Own { size, filled: left };
                self.replace(own, place, size / LEAST_PART);
            }
        }
        self.copied_below.saturating_mul(LEAST_PART)
    }

    fn poll_read<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, Error>> {
        let read = poll_read_buf(Pin::new(io), cx, &mut self.bytes).map_err(explain);
        if let (Place::Own { filled, .. }, Poll::Ready(Ok(bytes))) = (&mut self.place, &read) {
            *filled += bytes;
        }
        read
    }

    fn poll_fill_block<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, Error>> {
        let in_block = matches!(self.place, Place::Block);
        if in_block && self.bytes.capacity() - self.bytes.len() >= LEAST_ROOM {
            return poll_read_buf(Pin::new(io), cx, &mut self.bytes).map_err(explain);
        }
        // Less than a large frame.
        let mut block = blocks::take();
        block.extend_from_slice(&self.bytes);
        let read = poll_read_buf(Pin::new(io), cx, &mut block).map_err(explain);
        let len = block.len();
        match read {
            Poll::Ready(Ok(_)) if len <= SMALL => {
                self.replace(BytesMut::from(&block[..]), Place::Loose, 0);
                blocks::give_back(BLOCK, block, false);
            }
            Poll::Ready(Ok(_)) if len < FILLED && blocks::may_share(len) => {
                self.replace(BytesMut::from(&block[..]), Place::Exact(len), 0);
                blocks::give_back(BLOCK, block, false);
            }
            Poll::Ready(Ok(_)) if len >= FILLED && blocks::may_share(BLOCK) => {
                self.replace(block, Place::Block, 0);
            }
            Poll::Ready(Ok(_)) => self.replace(block, Place::Block, BLOCK / LEAST_PART),
            _ => blocks::give_back(BLOCK, block, false),
        }
        read
    }

    /// Nothing comes now: what is left of a frame is kept in a buffer that is
    /// no larger than it, and nothing else is kept. A large frame keeps its own.
    fn let_go(&mut self, is_large: bool) {
        if self.bytes.is_empty() {
            // The last piece split off may be all that holds a large buffer.
            self.replace(BytesMut::new(), Place::Loose, 0);
        } else if matches!(self.place, Place::Block) || !is_large && self.is_own() {
            let rest = BytesMut::from(&self.bytes[..]);
            self.replace(rest, Place::Loose, 0);
        }
    }

    fn is_own(&self) -> bool {
        matches!(self.place, Place::Own { .. })
    }

    fn replace(&mut self, bytes: BytesMut, place: Place, copied_below: usize) {
        let old = std::mem::replace(&mut self.bytes, bytes);
        let shared = std::mem::replace(&mut self.copied_below, copied_below) == 0;
        match std::mem::replace(&mut self.place, place) {
            Place::Loose => {}
            Place::Block => blocks::give_back(BLOCK, old, shared),
            Place::Exact(size) => blocks::give_back(size, old, shared),
            Place::Own { size: 0, .. } => {}
            Place::Own { size, .. } => blocks::give_back_large(size, old),
        }
    }
}

/// What messages hold is known, also when the connection that read them is gone.
impl Drop for ReadBuffer {
    fn drop(&mut self) {
        self.replace(BytesMut::new(), Place::Loose, 0);
    }
}
