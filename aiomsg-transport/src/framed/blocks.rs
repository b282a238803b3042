//! The blocks of memory that connections read into.
//!
//! All connections of a thread share them, so a silent one holds none, and a
//! busy one reads into memory that was used a moment ago instead of memory that
//! the system has to find first. A block that frames are split off is used again
//! once the last of them is gone.

use std::cell::Cell;
use std::collections::VecDeque;

use bytes::BytesMut;

/// The size of a block, and the most that is read at once: 64 KiB.
pub(super) const BLOCK: usize = 64 << 10;

/// How many blocks a thread keeps for later.
const KEPT: usize = 16;

/// How many blocks are looked at for one that is free.
const LOOKS: usize = 4;

thread_local! {
    static BLOCKS: Cell<VecDeque<BytesMut>> = const { Cell::new(VecDeque::new()) };
}

/// A buffer of its own above this is not kept for later.
const LARGEST: usize = 512 << 10;

/// How many bytes of such buffers a thread keeps.
const KEPT_LARGE: usize = 2 << 20;

/// Buffers for large frames, each with its size.
#[derive(Default)]
struct Large {
    buffers: VecDeque<(usize, BytesMut)>,
    bytes: usize,
}

thread_local! {
    static LARGE: Cell<Large> = Cell::default();
}

/// An empty buffer for a large frame, with room for so much, and its size.
pub(super) fn take_large(len: usize) -> (usize, BytesMut) {
    let mut large = LARGE.take();
    let mut found = None;
    for _ in 0..large.buffers.len().min(LOOKS) {
        let Some((size, mut buffer)) = large.buffers.pop_front() else {
            break;
        };
        buffer.clear();
        if (len..=2 * len).contains(&size) && buffer.try_reclaim(len) {
            large.bytes -= size;
            found = Some((size, buffer));
            break;
        }
        large.buffers.push_back((size, buffer));
    }
    LARGE.set(large);
    found.unwrap_or_else(|| (len, BytesMut::with_capacity(len)))
}

/// Keeps such a buffer for later, whether or not its frame still holds it.
pub(super) fn give_back_large(size: usize, buffer: BytesMut) {
    if size > LARGEST {
        return;
    }
    let mut large = LARGE.take();
    large.bytes += size;
    large.buffers.push_back((size, buffer));
    while large.bytes > KEPT_LARGE
        && let Some((size, _)) = large.buffers.pop_front()
    {
        large.bytes -= size;
    }
    LARGE.set(large);
}

/// An empty block.
pub(super) fn take() -> BytesMut {
    let mut blocks = BLOCKS.take();
    let mut found = None;
    for _ in 0..blocks.len().min(LOOKS) {
        let Some(mut block) = blocks.pop_front() else {
            break;
        };
        block.clear();
        if block.try_reclaim(BLOCK) {
            found = Some(block);
            break;
        }
        blocks.push_back(block);
    }
    BLOCKS.set(blocks);
    found.unwrap_or_else(|| BytesMut::with_capacity(BLOCK))
}

/// Keeps a block for later, whether or not frames still hold it.
pub(super) fn give_back(block: BytesMut) {
    let mut blocks = BLOCKS.take();
    if blocks.len() >= KEPT {
        blocks.pop_front();
    }
    blocks.push_back(block);
    BLOCKS.set(blocks);
}
