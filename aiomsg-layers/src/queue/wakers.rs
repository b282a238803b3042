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
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn wakers_of_dropped_futures_do_not_pile_up() {
        let mut list = WakerList::default();
        let live = Arc::new(Count::default());
        list.register(&Waker::from(Arc::clone(&live)));
        for _ in 0..5_000 {
            list.register(&Waker::from(Arc::new(Count::default())));
            if live.0.swap(0, Ordering::Relaxed) > 0 {
                list.register(&Waker::from(Arc::clone(&live)));
            }
        }
        assert!(list.wakers.len() <= 5_000);
        // However often the list was emptied, the living one is in it.
        list.take().wake();
        assert_eq!(live.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_waker_that_panics_keeps_no_other_from_being_woken() {
        struct Panics;
        impl std::task::Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("as the test wants");
            }
        }

        let mut list = WakerList::default();
        let woke = Arc::new(Count::default());
        list.register(&Waker::from(Arc::new(Panics)));
        list.register(&Waker::from(Arc::clone(&woke)));
        list.take().wake();
        assert_eq!(woke.0.load(Ordering::Relaxed), 1);
    }
}
