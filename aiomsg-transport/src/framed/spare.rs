//! The bytes and frames that a connection of this thread has written last. The next one goes
//! on with them, so that an idle connection holds none, and a busy one does not ask the system
//! for memory with each flush.

use std::cell::Cell;

use super::on_way::{HIGH_WATER, OnWay};

/// Larger ones are not kept.
const LARGEST: usize = 2 * HIGH_WATER;

thread_local! {
    static SPARE: Cell<Option<Box<OnWay>>> = const { Cell::new(None) };
}

pub(super) fn take() -> Box<OnWay> {
    // At the end of its thread there is none.
    let spare = SPARE.try_with(Cell::take);
    spare.ok().flatten().unwrap_or_default()
}

/// Takes one of which everything has left, and keeps it if it is not too large.
pub(super) fn give_back(mut on_way: Box<OnWay>) {
    on_way.clear(LARGEST);
    let _ = SPARE.try_with(|spare| {
        // A heartbeat needs less than the flood before it.
        let larger = spare
            .take()
            .filter(|it| it.tail.capacity() > on_way.tail.capacity());
        spare.set(Some(larger.unwrap_or(on_way)));
    });
}
