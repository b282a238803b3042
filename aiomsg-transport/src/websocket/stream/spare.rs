//! The buffer that a connection of this thread has written last. The next one goes on with it,
//! so that an idle connection holds none, and a busy one does not ask the system for memory with
//! each frame.

use std::cell::Cell;

use bytes::BytesMut;

/// An idle stream keeps no more memory than this.
const IDLE: usize = 4 * 1024;

/// A larger buffer is not kept.
const LARGEST: usize = 256 * 1024;

thread_local! {
    static SPARE: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// Gives a buffer without memory that of another one.
pub(super) fn take(buffer: &mut BytesMut) {
    if buffer.capacity() == 0 {
        *buffer = SPARE.take();
    }
}

/// Takes the memory of an empty buffer, unless it is small, and keeps it if it is not too large.
pub(super) fn give_back(buffer: &mut BytesMut) {
    // The written bytes are in front of its capacity, and come back by this.
    if buffer.is_empty() && buffer.try_reclaim(IDLE + 1) {
        let buffer = std::mem::take(buffer);
        if buffer.capacity() <= LARGEST {
            SPARE.set(buffer);
        }
    }
}
