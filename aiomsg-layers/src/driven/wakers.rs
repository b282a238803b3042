use std::sync::Arc;
use std::task::{Wake, Waker};

use aiomsg_core::hook;

use crate::line::Line;
use crate::sync::Mutex;

/// The one waker that the stack sees. It wakes the driver, and the tasks that wait for the
/// stack.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    pub(super) line: Line,
    driver: Mutex<Option<Waker>>,
}

impl Wakers {
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
        self.line.wake();
        let driver = self.driver.lock();
        let driver = driver.clone();
        if let Some(driver) = driver {
            hook::tell(move || driver.wake());
        }
    }
}
