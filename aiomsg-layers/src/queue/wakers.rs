use std::task::Waker;

use crate::shared::catch;

/// The tasks that wait for one thing.
///
/// A dropped future leaves its waker behind. To keep these from piling up, a list that has
/// grown to its limit wakes all tasks, and the living ones register again. The limit grows
/// up to [`WakerList::MOST`], so that many living tasks do not wake each other for ever.
#[derive(Debug)]
pub struct WakerList {
    wakers: Vec<Waker>,
    pub(super) limit: usize,
}

impl Default for WakerList {
    fn default() -> Self {
        Self {
            wakers: Vec::new(),
            limit: 16,
        }
    }
}

impl WakerList {
    /// The most wakers that a list ever holds.
    pub const MOST: usize = 1 << 16;

    /// Adds a task, once.
    pub fn register(&mut self, waker: &Waker) {
        if self.wakers.iter().any(|known| known.will_wake(waker)) {
            return;
        }
        if self.wakers.len() >= self.limit {
            self.limit = (self.limit * 2).min(Self::MOST);
            self.wakers.drain(..).for_each(Waker::wake);
        }
        self.wakers.push(waker.clone());
    }

    /// Takes all tasks, to wake them once the lock is released.
    pub fn take(&mut self) -> Woken {
        match self.wakers.len() {
            0 => Woken::default(),
            1 => Woken {
                one: self.wakers.pop(),
                more: Vec::new(),
            },
            _ => Woken {
                one: None,
                more: std::mem::take(&mut self.wakers),
            },
        }
    }

    /// Whether no task waits.
    pub fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }
}

/// Tasks taken from a [`WakerList`].
#[derive(Debug, Default)]
#[must_use = "the tasks wait to be woken"]
pub struct Woken {
    one: Option<Waker>,
    more: Vec<Waker>,
}

impl Woken {
    /// Wakes them. Call it without a lock held. A waker that panics keeps no other task
    /// from being woken.
    pub fn wake(self) {
        for waker in self.one.into_iter().chain(self.more) {
            let _ = catch("a waker", || waker.wake());
        }
    }
}

#[cfg(test)]
mod tests;
