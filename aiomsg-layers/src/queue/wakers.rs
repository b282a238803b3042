use std::task::Waker;

use crate::shared::catch;

/// The tasks that wait for one thing.
///
/// A dropped future leaves its waker behind. To keep these from piling up, a list that has
/// grown to its limit wakes all tasks, and the living ones register again. The limit grows
/// up to [`WakerList::MOST`], so that many living tasks do not wake each other for ever.
#[derive(Debug, Default)]
pub struct WakerList {
    /// Almost always the only one, so it takes no memory elsewhere.
    first: Option<Waker>,
    /// The others, once there were any.
    more: Option<Box<More>>,
}

#[derive(Debug)]
struct More {
    wakers: Vec<Waker>,
    /// How many tasks the list may have, the first one included.
    limit: usize,
}

impl Default for More {
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
        let Some(first) = &self.first else {
            // Nobody else is in the list, either.
            self.first = Some(waker.clone());
            return;
        };
        if !first.will_wake(waker) {
            self.register_further(waker);
        }
    }

    #[cold]
    fn register_further(&mut self, waker: &Waker) {
        let more = self.more.get_or_insert_default();
        if more.wakers.iter().any(|known| known.will_wake(waker)) {
            return;
        }
        if more.wakers.len() + 1 >= more.limit {
            more.limit = (more.limit * 2).min(Self::MOST);
            let first = self.first.replace(waker.clone());
            first.into_iter().for_each(Waker::wake);
            more.wakers.drain(..).for_each(Waker::wake);
            return;
        }
        more.wakers.push(waker.clone());
    }

    /// Takes all tasks, to wake them once the lock is released.
    pub fn take(&mut self) -> Woken {
        let more = self.more.as_mut();
        Woken {
            one: self.first.take(),
            more: more.map_or_else(Vec::new, |more| std::mem::take(&mut more.wakers)),
        }
    }

    /// Whether no task waits.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Sets how many tasks the list may have before it wakes them.
    #[cfg(all(test, aiomsg_loom))]
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.more.get_or_insert_default().limit = limit;
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let more = self.more.as_ref().map_or(0, |more| more.wakers.len());
        usize::from(self.first.is_some()) + more
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
