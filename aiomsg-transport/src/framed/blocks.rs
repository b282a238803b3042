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
