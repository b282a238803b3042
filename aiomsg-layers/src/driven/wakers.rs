use std::sync::Arc;
use std::task::{Wake, Waker};

use aiomsg_core::hook;

use crate::line::Line;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// The one waker that the stack sees. It wakes the driver, and the tasks that wait for the
/// stack.
#[derive(Debug)]
pub(super) struct Wakers {
    pub(super) line: Line,
    driver: Mutex<Option<Waker>>,
    /// Grows by two with each wake, so it is always even.
    wakes: AtomicUsize,
    /// The wakes at which the stack was found ready, or [`UNKNOWN`].
    ready_at: AtomicUsize,
}

/// No number of wakes.
const UNKNOWN: usize = 1;

impl Default for Wakers {
    fn default() -> Self {
        Self {
            line: Line::new(),
            driver: Mutex::new(None),
            wakes: AtomicUsize::new(0),
            ready_at: AtomicUsize::new(UNKNOWN),
        }
    }
}

impl Wakers {
    /// Whether the stack was ready when it was left, and nothing has woken it since. Found out
    /// without its lock.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.ready_at.load(Ordering::Acquire) == self.wakes.load(Ordering::Acquire)
    }

    /// The number of wakes so far. To be asked before the stack is polled, so that a wake that
    /// comes meanwhile counts.
    #[inline]
    pub(super) fn wakes(&self) -> usize {
        self.wakes.load(Ordering::Acquire)
    }

    /// The stack was found ready. Said under its lock.
    #[inline]
    pub(super) fn set_ready(&self, wakes: usize) {
        self.ready_at.store(wakes, Ordering::Release);
    }

    /// Something is done with the stack. Said under its lock.
    #[inline]
    pub(super) fn set_unknown(&self) {
        self.ready_at.store(UNKNOWN, Ordering::Release);
    }

    pub(super) fn set_driver(&self, waker: &Waker) {
        let mut driver = self.driver.lock();
        match &mut *driver {
            Some(driver) => driver.clone_from(waker),
            driver => *driver = Some(waker.clone()),
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // First: those who are woken look at the stack itself.
        self.wakes.fetch_add(2, Ordering::AcqRel);
        self.line.wake();
        let driver = self.driver.lock();
        let driver = driver.clone();
        if let Some(driver) = driver {
            hook::tell(move || driver.wake());
        }
    }
}
