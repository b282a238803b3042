//! The memory that connections read into: blocks, and buffers for large frames.
//!
//! All connections of a thread share it, so a silent one holds none, and a busy
//! one reads into memory that was used a moment ago instead of memory that the
//! system has to find first. A buffer that frames are split off is used again once
//! the last of them is gone.
//!
//! Messages that come together hold their buffer together, which costs nothing. But
//! the one of a thousand that is kept longer than the others holds all of it alone,
//! and so does the one that came among a thousand heartbeats. So it is known here how
//! much is held in this way, and beyond a bound small messages are copied.

use std::cell::Cell;
use std::collections::VecDeque;
use std::thread::LocalKey;

use bytes::BytesMut;

/// The size of a block, and the most that is read at once: 64 KiB.
pub(super) const BLOCK: usize = 64 << 10;

/// How many free blocks a thread keeps for later.
const KEPT: usize = 16;

/// The most that messages of a thread's connections may hold by sharing buffers.
pub(super) const MOST_SHARED: usize = 16 << 20;

/// A buffer for a large frame is not kept above this.
const LARGEST: usize = 512 << 10;

/// How many bytes of such buffers a thread keeps.
const KEPT_LARGE: usize = 2 << 20;

/// How many buffers are looked at for one that is free.
const LOOKS: usize = 4;

thread_local! {
    static BLOCKS: Cell<Blocks> = Cell::default();
    static LARGE: Cell<Pool> = Cell::default();
}

/// An empty block.
pub(super) fn take() -> BytesMut {
    with(&BLOCKS, Blocks::take).unwrap_or_else(|| BytesMut::with_capacity(BLOCK))
}

/// Whether messages may share one more buffer of this size.
pub(super) fn may_share(size: usize) -> bool {
    with(&BLOCKS, |blocks| blocks.shared_bytes + size <= MOST_SHARED)
}

/// Has a block back, or another buffer that messages share: for later, whether or not
/// messages still hold it.
pub(super) fn give_back(size: usize, buffer: BytesMut, shared: bool) {
    with(&BLOCKS, |blocks| blocks.keep(size, buffer, shared));
}

/// An empty buffer for a large frame, with room for so much, and its size.
pub(super) fn take_large(len: usize) -> (usize, BytesMut) {
    with(&LARGE, |large| large.take(len))
}

/// Keeps such a buffer for later, whether or not its frame still holds it.
pub(super) fn give_back_large(size: usize, buffer: BytesMut) {
    if size <= LARGEST {
        with(&LARGE, |large| large.keep(size, buffer, KEPT_LARGE));
    }
}

/// The blocks of a thread that is ending are not kept.
fn with<P: Default, T>(pool: &'static LocalKey<Cell<P>>, change: impl FnOnce(&mut P) -> T) -> T {
    let mut taken = pool.try_with(Cell::take).unwrap_or_default();
    let result = change(&mut taken);
    let _ = pool.try_with(|pool| pool.set(taken));
    result
}

/// Whether nothing of it is held any more. It is empty then.
fn is_free(size: usize, buffer: &mut BytesMut) -> bool {
    buffer.clear();
    buffer.try_reclaim(size)
}

/// Buffers that messages share.
#[derive(Default)]
struct Blocks {
    free: Vec<BytesMut>,
    /// Those that messages hold, or held when they were last looked at.
    shared: VecDeque<(usize, BytesMut)>,
    shared_bytes: usize,
}

impl Blocks {
    fn take(&mut self) -> Option<BytesMut> {
        self.look();
        self.free.pop()
    }

    fn keep(&mut self, size: usize, mut buffer: BytesMut, shared: bool) {
        if is_free(size, &mut buffer) {
            self.add_free(size, buffer);
        } else if shared {
            self.shared_bytes += size;
            self.shared.push_back((size, buffer));
        }
        self.look();
    }

    /// Looks for buffers that are free again, the oldest first.
    fn look(&mut self) {
        for _ in 0..self.shared.len().min(LOOKS) {
            let Some((size, mut buffer)) = self.shared.pop_front() else {
                return;
            };
            if is_free(size, &mut buffer) {
                self.shared_bytes -= size;
                self.add_free(size, buffer);
            } else {
                self.shared.push_back((size, buffer));
            }
        }
    }

    fn add_free(&mut self, size: usize, block: BytesMut) {
        if size == BLOCK && self.free.len() < KEPT {
            self.free.push(block);
        }
    }
}

/// Buffers for large frames, each with its size.
#[derive(Default)]
struct Pool {
    buffers: VecDeque<(usize, BytesMut)>,
    bytes: usize,
}

impl Pool {
    /// One that is empty and has room for so much, and not for much more; a new
    /// one if need be.
    fn take(&mut self, len: usize) -> (usize, BytesMut) {
        for _ in 0..self.buffers.len().min(LOOKS) {
            let Some((size, mut buffer)) = self.buffers.pop_front() else {
                break;
            };
            if (len..=2 * len).contains(&size) && is_free(len, &mut buffer) {
                self.bytes -= size;
                return (size, buffer);
            }
            self.buffers.push_back((size, buffer));
        }
        (len, BytesMut::with_capacity(len))
    }

    /// Keeps one, in place of the oldest if there are too many.
    fn keep(&mut self, size: usize, buffer: BytesMut, most: usize) {
        self.bytes += size;
        self.buffers.push_back((size, buffer));
        while self.bytes > most
            && let Some((size, _)) = self.buffers.pop_front()
        {
            self.bytes -= size;
        }
    }
}
