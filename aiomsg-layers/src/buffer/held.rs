use std::ops::{Deref, DerefMut};

use super::service::State;
use crate::route::{GivenUp, Route};
use crate::sync::MutexGuard;

/// The state of a buffer while it is locked. Of what was given up meanwhile it is
/// told when it no longer is: whoever hears of that may send by the same buffer.
pub(super) struct Held<'a, R: Route> {
    // In this order: unlocked first.
    state: MutexGuard<'a, State<R>>,
    given_up: Told,
}

struct Told(Option<GivenUp>);

impl<'a, R: Route> Held<'a, R> {
    pub(super) fn new(state: MutexGuard<'a, State<R>>) -> Self {
        Self {
            state,
            given_up: Told(None),
        }
    }
}

impl<R: Route> Deref for Held<'_, R> {
    type Target = State<R>;

    #[inline]
    fn deref(&self) -> &State<R> {
        &self.state
    }
}

impl<R: Route> DerefMut for Held<'_, R> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State<R> {
        &mut self.state
    }
}

impl<R: Route> Drop for Held<'_, R> {
    #[inline]
    fn drop(&mut self) {
        self.given_up.0 = self.state.router.take_given_up();
    }
}

impl Drop for Told {
    #[inline]
    fn drop(&mut self) {
        if let Some(given_up) = self.0.take() {
            given_up.tell();
        }
    }
}
