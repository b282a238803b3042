//! The bytes of a connection that are on their way out, and which frames they are.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Error, Frame};
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::ledger::Ledger;
use crate::codec::FrameCodec;

/// As much is gathered before it is written, if so much is there.
pub(super) const HIGH_WATER: usize = 128 << 10;

/// A payload above this is written from where it is; copying a smaller one
/// costs less than another entry in a vectored write.
const COPY_UP_TO: usize = 8 << 10;

/// The most entries of one vectored write.
const SLICES: usize = 64;

/// A list of more frames is not kept once it is empty.
const MOST_FRAMES: usize = 16 << 10;

/// As much is offered in one write to what may hold bytes back: of a write that
/// fails, nobody knows how much was passed on.
const OFFER: usize = 64 << 10;

/// ```text
///   here ≤ left ≤ taken ≤ given      positions in the stream of bytes
/// ```
#[derive(Debug, Default)]
pub(super) struct OnWay {
    /// The bytes before `tail`: large payloads, and the bytes in front of each.
    chunks: VecDeque<Bytes>,
    /// Heads and small payloads, copied one behind the other.
    pub(super) tail: BytesMut,
    /// Frames of which it is not known that every byte has left.
    ledger: Ledger,
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

impl OnWay {
    #[inline]
    pub(super) fn waiting(&self) -> usize {
        (self.given - self.taken) as usize
    }

    /// How many bytes it is not known of that they have left.
    #[inline]
    pub(super) fn unflushed(&self) -> usize {
        (self.given - self.left) as usize
    }

    #[inline(always)]
    pub(super) fn push(
        &mut self,
        codec: &mut FrameCodec,
        frame: Frame,
    ) -> Result<(), (Error, Frame)> {
        let before = self.tail.len();
        if let Err(error) = codec.encode_head(&frame, &mut self.tail) {
            return Err((error, frame));
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

    /// Puts a payload behind the other bytes, without copying it.
    #[inline(never)]
    fn chain(&mut self, payload: Bytes) {
        self.chunks.push_back(self.tail.split().freeze());
        self.chunks.push_back(payload);
    }

    /// Notes bytes that were taken.
    pub(super) fn note_taken(&mut self, bytes: usize) {
        self.taken += bytes as u64;
    }

    /// Notes that a write has failed, which may have passed on a part of what it was offered.
    pub(super) fn doubt(&mut self) {
        self.doubtful = self.waiting().min(OFFER) as u64;
    }

    /// Writes once.
    pub(super) fn poll_write<T: AsyncWrite + Unpin>(
        &self,
        io: &mut T,
        cx: &mut Context<'_>,
        buffered_below: bool,
    ) -> Poll<std::io::Result<usize>> {
        let mut skip = (self.taken - self.here) as usize;
        if buffered_below {
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

    /// The bytes that were taken have left.
    pub(super) fn note_left(&mut self) {
        self.left = self.taken;
        if self.left == self.given {
            // Soon it is cleared as a whole.
            return;
        }
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
        }
    }

    /// Makes it fit for another connection, when everything has left. A larger buffer than
    /// this is freed.
    pub(super) fn clear(&mut self, largest: usize) {
        self.chunks.clear();
        self.ledger.clear();
        if self.ledger.capacity() > MOST_FRAMES {
            self.ledger = Ledger::default();
        }
        self.tail.clear();
        // Bytes that were written before the others are in front of its capacity.
        let _ = self.tail.try_reclaim(self.tail.capacity() + 1);
        if self.tail.capacity() > largest {
            self.tail = BytesMut::new();
        }
        (self.doubtful, self.given, self.taken, self.left, self.here) = (0, 0, 0, 0, 0);
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
