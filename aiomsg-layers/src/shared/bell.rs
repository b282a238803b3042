use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use aiomsg_core::hook;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// A service's own waker, which remembers that it was woken.
///
/// A service that waits for many things checks them again only when one of them has rung.
/// Until then a check costs one atomic load. The task that polls the service is woken, too.
pub(crate) struct Bell {
    ringer: Arc<Ringer>,
    waker: Waker,
    /// The waker in `ringer`, to compare without the lock.
    task: Option<Waker>,
}

struct Ringer {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Bell {
    /// A bell that has rung, since nothing was checked yet.
    pub(crate) fn new() -> Self {
        let ringer = Arc::new(Ringer {
            rung: AtomicBool::new(true),
            task: Mutex::new(None),
        });
        Self {
            waker: Waker::from(Arc::clone(&ringer)),
            ringer,
            task: None,
        }
    }

    /// The context that rings it.
    pub(crate) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    /// Whether it has rung since the last call. From now on this task is woken.
    #[inline]
    pub(crate) fn has_rung(&mut self, cx: &Context<'_>) -> bool {
        let known = |task: &Waker| task.will_wake(cx.waker());
        if !self.task.as_ref().is_some_and(known) {
            self.register(cx.waker());
        }
        self.ringer.rung.load(Ordering::Acquire) && self.ringer.rung.swap(false, Ordering::AcqRel)
    }

    #[cold]
    fn register(&mut self, task: &Waker) {
        self.task = Some(task.clone());
        let old = self.ringer.task.lock().replace(task.clone());
        // Its destructor may be a user's.
        drop(old);
    }
}

impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        let task = self.task.lock().clone();
        if let Some(task) = task {
            hook::tell(move || task.wake());
        }
    }
}
