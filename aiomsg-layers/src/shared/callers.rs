use std::fmt;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::queue::WakerList;
use crate::sync::{Mutex, MutexGuard};

/// The tasks that wait for one service.
///
/// A service need only remember the last task that polled it, and many of
/// tower's do just that. Several tasks send through one socket, so the service
/// sees one waker, which wakes all of them. [`Shared`](super::Shared) does this
/// for a service that is shared whole.
pub struct Callers {
    waiting: Arc<Waiting>,
    waker: Waker,
}

#[derive(Default)]
struct Waiting(Mutex<WakerList>);

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let woken = self.lock().take();
        woken.wake();
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, WakerList> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Callers {
    /// Has everyone poll again.
    pub fn wake(&self) {
        self.waker.wake_by_ref();
    }

    /// Polls on behalf of one task, so that all that wait are woken.
    pub fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut shared = Context::from_waker(&self.waker);
        if let Poll::Ready(ready) = poll(&mut shared) {
            return Poll::Ready(ready);
        }
        // Once more after it is registered, lest a wake in between is lost.
        self.waiting.lock().register(cx.waker());
        poll(&mut shared)
    }
}

impl Default for Callers {
    fn default() -> Self {
        let waiting = Arc::<Waiting>::default();
        let waker = Waker::from(Arc::clone(&waiting));
        Self { waiting, waker }
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callers")
    }
}
