//! Several messages in a row from one of the tasks that wait.

use std::task::{Context, Waker};

use super::{Line, Place};
use crate::sync::atomic::Ordering;

/// With more places in a line, nobody has a turn: they are all looked at before one begins.
const MOST: usize = 1024;

/// The task that may pass those in the line.
#[derive(Default)]
pub(super) struct Turn(Option<Waker>);

impl Turn {
    fn is_of(&self, cx: &Context<'_>) -> bool {
        self.0
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
    }

    /// Ends it. Drop the waker without the lock: its destructor may be a user's.
    #[must_use]
    pub(super) fn end(&mut self) -> Option<Waker> {
        self.0.take()
    }

    /// Ends it if it is that of this task.
    #[must_use]
    pub(super) fn end_of(&mut self, cx: &Context<'_>) -> Option<Waker> {
        self.0.take_if(|waker| waker.will_wake(cx.waker()))
    }
}

impl Line {
    /// Whether a task without a place may go ahead: nobody stands in the line, or it is still
    /// this task's [turn](Place::begin_turn).
    #[inline]
    pub fn lets_pass(&self, cx: &Context<'_>) -> bool {
        self.is_empty() || self.has_turn(cx)
    }

    #[inline(never)]
    fn has_turn(&self, cx: &Context<'_>) -> bool {
        self.shared.lock().turn.is_of(cx)
    }

    /// Ends the turn of this task, if it has it.
    #[inline]
    pub fn end_turn(&self, cx: &Context<'_>) {
        if !self.is_empty() {
            drop(self.shared.lock().turn.end_of(cx));
        }
    }
}

impl Place {
    /// Begins the turn of this task, which is about to leave the line: it may
    /// [pass](Line::lets_pass) the others, until it takes a place once more, another turn
    /// begins, or it [ends](Line::end_turn) its own.
    ///
    /// Otherwise tasks that share a service, and send one message after the other, would wait
    /// for each other with each message, once all of them have had to wait.
    ///
    /// A task that has a second place has no turn: what it sends next must not pass what waits
    /// there.
    pub fn begin_turn(&self, cx: &Context<'_>) {
        let mut state = self.shared.lock();
        let alone = self.shared.len.load(Ordering::Relaxed) <= 1;
        if alone || state.places.len() > MOST {
            return;
        }
        let again = state.places.iter().any(|it| {
            let waker = it.waker.as_ref();
            it.here && it.number != self.number && waker.is_some_and(|it| it.will_wake(cx.waker()))
        });
        if !again {
            let before = state.turn.0.replace(cx.waker().clone());
            drop(state);
            drop(before);
        }
    }
}
