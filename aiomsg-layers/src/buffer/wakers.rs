use std::sync::{Arc, PoisonError};
use std::task::{Wake, Waker};

use crate::queue::WakerList;
use crate::sync::{Mutex, MutexGuard};

/// The one waker that the router sees.
///
/// A service need only remember the last task that polled it. Several tasks
/// poll this one: the callers and the driver. So they all poll it with a waker
/// that wakes whoever waits.
#[derive(Debug, Default)]
pub(super) struct Wakers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    callers: WakerList,
    driver: Option<Waker>,
    /// The driver has something to place, so callers cannot stand in for it.
    needed: bool,
}

impl Wakers {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add_caller(&self, waker: &Waker) {
        self.lock().callers.register(waker);
    }

    pub(super) fn set_driver(&self, waker: &Waker, needed: bool) {
        let mut waiting = self.lock();
        waiting.needed = needed;
        match &mut waiting.driver {
            Some(driver) => driver.clone_from(waker),
            driver => *driver = Some(waker.clone()),
        }
    }

    pub(super) fn wake_callers(&self) {
        let woken = self.lock().callers.take();
        woken.wake();
    }

    pub(super) fn wake_driver(&self) {
        let driver = self.lock().driver.clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// A caller that is woken polls the router, which is all that the driver
    /// would do if it has nothing of its own to place.
    fn wake_by_ref(self: &Arc<Self>) {
        let mut waiting = self.lock();
        let driver = if waiting.needed || waiting.callers.is_empty() {
            waiting.driver.clone()
        } else {
            None
        };
        let callers = waiting.callers.take();
        drop(waiting);
        callers.wake();
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}
