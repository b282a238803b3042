//! Levels of a queue: full, and half free again.

use std::sync::Arc;

use aiomsg_core::{Limits, Weight, hook};

use super::Queue;
use super::state::State;
use super::wakers::Woken;
use crate::sync::MutexGuard;

/// The level of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It has reached one of its limits.
    High,
    /// It was high, and half of it is free again.
    Low,
}

/// Receives each change of the level.
pub(super) type Levels = Arc<dyn Fn(Level) + Send + Sync>;

impl<T: Weight> Queue<T> {
    pub(super) fn has_become_high(&self, state: &mut State<T>) -> bool {
        let full = !state.admits();
        full && !std::mem::replace(&mut state.high, true)
    }

    /// Room has become free, and `producers` are to hear of it. Ends the lock, wakes them,
    /// and reports the level.
    #[inline]
    pub(super) fn freed(&self, mut state: MutexGuard<'_, State<T>>, producers: Woken) {
        let low = self.has_become_low(&mut state);
        drop(state);
        producers.wake();
        if low {
            self.tell(Level::Low);
        }
    }

    fn has_become_low(&self, state: &mut State<T>) -> bool {
        state.high && self.is_low(state) && std::mem::take(&mut state.high)
    }

    pub(super) fn is_low(&self, state: &State<T>) -> bool {
        let Limits { items, bytes } = state.limits;
        state.used_items <= items / 2 && state.used_bytes <= bytes / 2
    }

    pub(super) fn tell(&self, level: Level) {
        if let Some(levels) = &self.0.levels {
            let levels = Arc::clone(levels);
            hook::tell(move || levels(level));
        }
    }
}
