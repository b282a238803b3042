//! The memory that connections read into: blocks, and buffers for large frames.
//!
//! All connections of a thread share it, so a silent one holds none, and a busy
//! one reads into memory that was used a moment ago instead of memory that the
//! system has to find first. A buffer that frames are split off is used again once
//! the last of them is gone.

use std::cell::Cell;
use std::collections::VecDeque;

use bytes::BytesMut;

/// The size of a block, and the most that is read at once: 64 KiB.
pub(super) const BLOCK: usize = 64 << 10;

/// How many bytes of blocks a thread keeps for later.
const KEPT: usize = 16 * BLOCK;

/// A buffer for a large frame is not kept above this.
const LARGEST: usize = 512 << 10;

/// How many bytes of such buffers a thread keeps.
const KEPT_LARGE: usize = 2 << 20;

/// How many buffers are looked at for one that is free.
const LOOKS: usize = 4;

thread_local! {
    static BLOCKS: Cell<Pool> = Cell::default();
    static LARGE: Cell<Pool> = Cell::default();
}

/// An empty block.
pub(super) fn take() -> BytesMut {
    with(&BLOCKS, |blocks| blocks.take(BLOCK)).1
}

/// Keeps a block for later, whether or not frames still hold it.
pub(super) fn give_back(block: BytesMut) {
    with(&BLOCKS, |blocks| blocks.keep(BLOCK, block, KEPT));
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

fn with<T>(
    pool: &'static std::thread::LocalKey<Cell<Pool>>,
    change: impl FnOnce(&mut Pool) -> T,
) -> T {
    let mut taken = pool.take();
    let result = change(&mut taken);
    pool.set(taken);
    result
}

/// Buffers, each with its size.
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
            buffer.clear();
            if (len..=2 * len).contains(&size) && buffer.try_reclaim(len) {
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
