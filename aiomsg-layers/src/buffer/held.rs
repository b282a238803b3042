use std::ops::{Deref, DerefMut};

use aiomsg_core::hook::Holding;

use super::service::State;
use crate::sync::MutexGuard;

/// The state of a buffer while it is locked. Of what is given up meanwhile it is told
/// when it no longer is: whoever hears of that may send by the same buffer.
pub(super) struct Held<'a, R> {
    // In this order: unlocked first.
    state: MutexGuard<'a, State<R>>,
    _holding: Holding,
}

impl<'a, R> Held<'a, R> {
    #[inline]
    pub(super) fn new<T>(shared: &T, lock: impl FnOnce() -> MutexGuard<'a, State<R>>) -> Self {
        let holding = Holding::new(shared);
        Self {
            state: lock(),
            _holding: holding,
        }
    }
}

impl<R> Deref for Held<'_, R> {
    type Target = State<R>;

    #[inline]
    fn deref(&self) -> &State<R> {
        &self.state
    }
}

impl<R> DerefMut for Held<'_, R> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State<R> {
        &mut self.state
    }
}
