//! Bytes on their way out.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::codec::FrameCodec;
use aiomsg_core::{Error, ErrorKind, Frame, Link};
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use crate::io::explain;

/// As much is gathered before it is written, if so much is there.
const HIGH_WATER: usize = 128 << 10;

/// A payload above this is written from where it is; copying a smaller one
/// costs less than another entry in a vectored write.
const COPY_UP_TO: usize = 8 << 10;

/// The most entries of one vectored write.
const SLICES: usize = 64;

/// A buffer above this is given up once it is empty.
const KEEP: usize = 1 << 10;

/// A list of more frames is given up once it is empty.
const KEEP_FRAMES: usize = 16;

#[derive(Debug, Default)]
pub(super) struct WriteBuffer {
    /// What goes out before `tail`: large payloads, and what was in front of
    /// each.
    chunks: VecDeque<Bytes>,
    /// Heads and small payloads, copied one behind the other.
    pub(super) tail: BytesMut,
    /// How much `tail` held at its last flush: what it will hold at the next.
    expected: usize,
    /// The same for `frames`.
    expected_frames: usize,
    /// Frames of which not every byte was taken yet, with the position of
    /// their last byte.
    frames: VecDeque<(u64, Frame)>,
    /// What takes the bytes may hold them back until it is flushed.
    pub(super) buffered_below: bool,
    /// Positions in the stream of bytes: how much was given to us, and how
    /// much of that was taken from us.
    given: u64,
    taken: u64,
}

impl WriteBuffer {
    fn waiting(&self) -> usize {
        (self.given - self.taken) as usize
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting() < HIGH_WATER
    }

    pub(super) fn push(&mut self, codec: &mut FrameCodec, frame: Frame) -> Result<(), Error> {
        if self.tail.capacity() == 0 {
            spare::take(self);
            self.tail.reserve(self.expected.min(HIGH_WATER));
            self.frames.reserve(self.expected_frames);
        }
        let before = self.tail.len();
        codec.encode_head(&frame, &mut self.tail)?;
        let mut len = self.tail.len() - before;
        if let Some(payload) = frame.payload() {
            len += payload.len();
            if payload.len() <= COPY_UP_TO {
                self.tail.extend_from_slice(payload);
            } else {
                self.chunks.push_back(self.tail.split().freeze());
                self.chunks.push_back(payload.clone());
            }
        }
        self.given += len as u64;
        self.frames.push_back((self.given, frame));
        Ok(())
    }

    /// Writes until nothing waits.
    pub(super) fn poll_drain<T: AsyncWrite + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
        link: &Link,
    ) -> Poll<Result<(), Error>> {
        if self.waiting() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.expected = self.tail.len();
        self.expected_frames = self.frames.len();
        while self.waiting() > 0 {
            let result = if self.chunks.is_empty() {
                Pin::new(&mut *io).poll_write(cx, &self.tail)
            } else {
                self.poll_write_chunks(io, cx)
            };
            let Poll::Ready(result) = result else {
                link.set_waiting(self.waiting());
                return Poll::Pending;
            };
            match result.map_err(explain)? {
                0 => {
                    return Poll::Ready(Err(Error::new(ErrorKind::Disconnected)
                        .with_reason("the connection takes no more bytes")));
                }
                bytes => {
                    self.advance(bytes);
                    link.add_sent(bytes, self.waiting());
                }
            }
        }
        self.tail.clear();
        spare::give_back(self);
        Poll::Ready(Ok(()))
    }

    fn poll_write_chunks<T: AsyncWrite + Unpin>(
        &self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        if !io.is_write_vectored() {
            return Pin::new(io).poll_write(cx, &self.chunks[0]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        let waiting = self.chunks.iter().map(Bytes::as_ref);
        for (slice, bytes) in slices.iter_mut().zip(waiting.chain([&self.tail[..]])) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        Pin::new(io).poll_write_vectored(cx, &slices[..count])
    }

    fn advance(&mut self, mut bytes: usize) {
        self.taken += bytes as u64;
        while let Some(chunk) = self.chunks.front_mut() {
            if bytes < chunk.len() {
                chunk.advance(bytes);
                bytes = 0;
                break;
            }
            bytes -= chunk.len();
            self.chunks.pop_front();
        }
        self.tail.advance(bytes);
        if !self.buffered_below {
            self.forget_taken();
        }
    }

    /// What was taken has left.
    pub(super) fn forget_taken(&mut self) {
        let taken = self.taken_frames();
        self.frames.drain(..taken);
    }

    fn taken_frames(&self) -> usize {
        self.frames.partition_point(|&(end, _)| end <= self.taken)
    }

    /// The frames that were taken by something that may not have passed them
    /// on.
    pub(super) fn take_unconfirmed(&mut self) -> Vec<Frame> {
        let taken = self.taken_frames();
        let frames = self.frames.drain(..taken);
        frames.map(|(_, frame)| frame).collect()
    }

    /// The frames of which not every byte was taken.
    pub(super) fn take_unsent(&mut self) -> Vec<Frame> {
        let frames = self.frames.drain(..);
        frames.map(|(_, frame)| frame).collect()
    }
}

/// The buffers that a connection of this thread has written last. The next one
/// goes on with them, so that an idle connection holds none, and a busy one does
/// not ask the system for memory with each flush.
mod spare {
    use std::cell::Cell;
    use std::collections::VecDeque;

    use aiomsg_core::Frame;
    use bytes::BytesMut;

    use super::{HIGH_WATER, KEEP, KEEP_FRAMES, WriteBuffer};

    /// Larger ones are not kept: bytes, and frames.
    const LARGEST: usize = 2 * HIGH_WATER;
    const MOST_FRAMES: usize = 4096;

    thread_local! {
        static TAIL: Cell<BytesMut> = Cell::new(BytesMut::new());
        static FRAMES: Cell<VecDeque<(u64, Frame)>> = const { Cell::new(VecDeque::new()) };
    }

    pub(super) fn take(buffer: &mut WriteBuffer) {
        buffer.tail = TAIL.take();
        if buffer.frames.is_empty() {
            buffer.frames = FRAMES.take();
        }
    }

    /// Takes what is empty and not small, and keeps it if it is not too large.
    pub(super) fn give_back(buffer: &mut WriteBuffer) {
        // What was written is in front of its capacity, and comes back by this.
        if buffer.tail.try_reclaim(KEEP + 1) {
            let tail = std::mem::take(&mut buffer.tail);
            if tail.capacity() <= LARGEST {
                TAIL.set(tail);
            }
        }
        if buffer.frames.is_empty() && buffer.frames.capacity() > KEEP_FRAMES {
            let frames = std::mem::take(&mut buffer.frames);
            if frames.capacity() <= MOST_FRAMES {
                FRAMES.set(frames);
            }
        }
    }
}
