//! Bytes on their way out.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{DropReason, Error, ErrorKind, Frame, Link};
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::ledger::Ledger;
use crate::codec::FrameCodec;
use crate::io::explain;

/// As much is gathered before it is written, if so much is there.
const HIGH_WATER: usize = 128 << 10;

/// A payload above this is written from where it is; copying a smaller one
/// costs less than another entry in a vectored write.
const COPY_UP_TO: usize = 8 << 10;

/// The most entries of one vectored write.
const SLICES: usize = 64;

/// A larger buffer is freed once it is empty.
const KEEP: usize = 1 << 10;

/// As much is offered in one write to what may hold bytes back: of a write that
/// fails, nobody knows how much was passed on.
const OFFER: usize = 64 << 10;

/// Bytes on their way, and which frames they are.
///
/// ```text
///   here ≤ left ≤ taken ≤ given      positions in the stream of bytes
/// ```
#[derive(Debug, Default)]
pub(super) struct WriteBuffer {
    /// The bytes before `tail`: large payloads, and the bytes in front of each.
    chunks: VecDeque<Bytes>,
    /// Heads and small payloads, copied one behind the other.
    pub(super) tail: BytesMut,
    /// The size of `tail` at its last flush, as an estimate for the next.
    expected: usize,
    /// Frames of which it is not known that every byte has left.
    ledger: Ledger,
    /// What takes the bytes may hold them back until it is flushed.
    pub(super) buffered_below: bool,
    /// A frame over the limit is left in the link.
    pub(super) refuses: bool,
    /// How much was offered in a write that failed, and may have been passed on.
    doubtful: u64,
    /// How much was given to us.
    given: u64,
    /// How much was taken from us.
    taken: u64,
    /// The number of bytes that have left: those taken or, if the stream below may hold
    /// them back, those flushed.
    left: u64,
    /// Where the bytes begin that are here. A frame of which a part has left may
    /// be needed from its beginning.
    here: u64,
}

impl WriteBuffer {
    fn waiting(&self) -> usize {
        (self.given - self.taken) as usize
    }

    /// How many bytes it is not known of that they have left.
    pub(super) fn unflushed(&self) -> usize {
        (self.given - self.left) as usize
    }

    pub(super) fn has_room(&self) -> bool {
        self.unflushed() < HIGH_WATER
    }

    #[inline(always)]
    pub(super) fn push(
        &mut self,
        codec: &mut FrameCodec,
        link: &Link,
        frame: Frame,
    ) -> Result<(), Error> {
        if self.tail.capacity() == 0 {
            self.make_room();
        }
        let before = self.tail.len();
        if let Err(error) = codec.encode_head(&frame, &mut self.tail) {
            return self.refuse(error, link, frame);
        }
        let mut len = self.tail.len() - before;
        let mut copied = true;
        if let Some(payload) = frame.payload() {
            len += payload.len();
            copied = payload.len() <= COPY_UP_TO;
            if copied {
                self.tail.extend_from_slice(payload);
            } else {
                self.chain(payload.clone());
            }
        }
        self.given += len as u64;
        self.ledger.push(frame, len, self.given, copied);
        Ok(())
    }

    #[cold]
    fn refuse(&self, error: Error, link: &Link, frame: Frame) -> Result<(), Error> {
        let reason = match error.kind() {
            ErrorKind::TooLarge => DropReason::TooLarge,
            ErrorKind::Version => DropReason::NoHeaders,
            _ => return Err(error),
        };
        if !self.refuses {
            return Err(error);
        }
        link.put_refused(frame, reason);
        Ok(())
    }

    /// Puts a payload behind the other bytes, without copying it.
    #[inline(never)]
    fn chain(&mut self, payload: Bytes) {
        self.chunks.push_back(self.tail.split().freeze());
        self.chunks.push_back(payload);
    }

    #[inline(never)]
    fn make_room(&mut self) {
        spare::take(&mut self.tail, &mut self.ledger);
        self.tail.reserve(self.expected.min(HIGH_WATER));
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
        while self.waiting() > 0 {
            let Poll::Ready(result) = self.poll_write(io, cx) else {
                link.set_waiting(self.waiting());
                return Poll::Pending;
            };
            let taken = match result {
                Ok(taken) => taken,
                Err(error) => {
                    if self.buffered_below {
                        self.doubtful = self.waiting().min(OFFER) as u64;
                    }
                    return Poll::Ready(Err(explain(error)));
                }
            };
            match taken {
                0 => {
                    return Poll::Ready(Err(Error::new(ErrorKind::Disconnected)
                        .with_reason("the connection takes no more bytes")));
                }
                bytes => {
                    self.taken += bytes as u64;
                    if !self.buffered_below {
                        self.note_left();
                    }
                    link.add_sent(bytes, self.waiting());
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write<T: AsyncWrite + Unpin>(
        &self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<usize>> {
        let mut skip = (self.taken - self.here) as usize;
        if self.buffered_below {
            return self.poll_offer(io, cx, skip);
        }
        if self.chunks.is_empty() {
            return Pin::new(io).poll_write(cx, &self.tail[skip..]);
        }
        let waiting = self.parts().filter_map(|part| {
            let rest = part.get(skip..);
            skip -= skip.min(part.len());
            rest.filter(|rest| !rest.is_empty())
        });
        if !io.is_write_vectored() {
            let first = waiting.into_iter().next().unwrap_or_default();
            return Pin::new(io).poll_write(cx, first);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(waiting) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        Pin::new(io).poll_write_vectored(cx, &slices[..count])
    }

    /// Writes no more than [`OFFER`].
    fn poll_offer<T: AsyncWrite + Unpin>(
        &self,
        io: &mut T,
        cx: &mut Context<'_>,
        mut skip: usize,
    ) -> Poll<std::io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (mut count, mut room) = (0, OFFER);
        for part in self.parts() {
            let rest = part.get(skip..).unwrap_or_default();
            skip -= skip.min(part.len());
            let rest = &rest[..rest.len().min(room)];
            if !rest.is_empty() {
                slices[count] = IoSlice::new(rest);
                count += 1;
                room -= rest.len();
            }
            if count == SLICES || room == 0 {
                break;
            }
        }
        match &slices[..count] {
            several if count > 1 && io.is_write_vectored() => {
                Pin::new(io).poll_write_vectored(cx, several)
            }
            [first, ..] => Pin::new(io).poll_write(cx, first),
            [] => Poll::Ready(Ok(0)),
        }
    }

    /// The bytes, in the order in which they go out.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let chunks = self.chunks.iter().map(Bytes::as_ref);
        chunks.chain([&self.tail[..]])
    }

    /// The bytes that were taken have been passed on.
    pub(super) fn flushed(&mut self) {
        if self.buffered_below {
            self.note_left();
        }
    }

    /// The bytes that were taken have left.
    fn note_left(&mut self) {
        self.left = self.taken;
        self.ledger.forget(self.left);
        let needed = self.ledger.needed_from(self.left);
        while let Some(chunk) = self.chunks.front()
            && self.here + chunk.len() as u64 <= needed
        {
            self.here += chunk.len() as u64;
            self.chunks.pop_front();
        }
        if self.chunks.is_empty() {
            self.tail.advance((needed - self.here) as usize);
            self.here = needed;
            if self.tail.is_empty() {
                self.tail.clear();
                spare::give_back(&mut self.tail, &mut self.ledger);
            }
        }
    }

    /// The frames that were taken by something that may not have passed them
    /// on.
    pub(super) fn take_unconfirmed(&mut self, codec: &FrameCodec) -> Vec<Frame> {
        self.take(self.taken + self.doubtful, codec)
    }

    /// Whether a part of the first frame that has not left has: to be asked between
    /// the two around it.
    pub(super) fn is_cut(&self) -> bool {
        self.ledger.begins_before(self.taken + self.doubtful)
    }

    /// The frames of which not every byte was taken.
    pub(super) fn take_unsent(&mut self, codec: &FrameCodec) -> Vec<Frame> {
        self.take(self.given, codec)
    }

    fn take(&mut self, until: u64, codec: &FrameCodec) -> Vec<Frame> {
        let mut ledger = std::mem::take(&mut self.ledger);
        let frames = ledger.take(until, codec.id_from(), |from, len| {
            self.copy((from - self.here) as usize, len)
        });
        self.ledger = ledger;
        frames
    }

    /// Copies so many bytes, which are in one of the parts.
    fn copy(&self, mut from: usize, len: usize) -> Bytes {
        for part in self.parts() {
            match part.get(from..from + len) {
                Some(bytes) => return Bytes::copy_from_slice(bytes),
                None => from = from.saturating_sub(part.len()),
            }
        }
        debug_assert!(false, "a copied frame is in one part");
        Bytes::new()
    }
}

/// The buffers that a connection of this thread has written last. The next one
/// goes on with them, so that an idle connection holds none, and a busy one does
/// not ask the system for memory with each flush.
mod spare {
    use std::cell::Cell;

    use bytes::BytesMut;

    use super::{HIGH_WATER, KEEP, Ledger};

    /// Larger ones are not kept: bytes, and frames.
    const LARGEST: usize = 2 * HIGH_WATER;
    const MOST_FRAMES: usize = 16 << 10;

    /// A list of more frames is freed once it is empty.
    const KEEP_FRAMES: usize = 16;

    thread_local! {
        static TAIL: Cell<BytesMut> = Cell::new(BytesMut::new());
        static LEDGER: Cell<Ledger> = const { Cell::new(Ledger::new()) };
    }

    pub(super) fn take(tail: &mut BytesMut, ledger: &mut Ledger) {
        *tail = TAIL.take();
        if ledger.is_empty() {
            *ledger = LEDGER.take();
        }
    }

    /// Takes an empty buffer that is not small, and keeps it if it is not too large.
    pub(super) fn give_back(tail: &mut BytesMut, ledger: &mut Ledger) {
        // The written bytes are in front of its capacity, and come back by this.
        if tail.try_reclaim(KEEP + 1) {
            let tail = std::mem::take(tail);
            if tail.capacity() <= LARGEST {
                TAIL.set(tail);
            }
        }
        if ledger.is_empty() && ledger.capacity() > KEEP_FRAMES {
            let mut ledger = std::mem::take(ledger);
            ledger.clear();
            if ledger.capacity() <= MOST_FRAMES {
                LEDGER.set(ledger);
            }
        }
    }
}
