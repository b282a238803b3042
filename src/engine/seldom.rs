//! A rarely ready future beside a frequently polled one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use aiomsg_core::sync::Mutex;
use pin_project::pin_project;

/// A future that is polled only after its own wake-up, and not each time that its task is
/// polled for something else.
#[pin_project]
pub(super) struct Seldom<F> {
    #[pin]
    future: F,
    asked: Arc<Asked>,
}

struct Asked {
    asked: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Asked {
    fn register(&self, waker: &Waker) {
        let mut task = self.task.lock();
        match &*task {
            Some(known) if known.will_wake(waker) => {}
            _ => *task = Some(waker.clone()),
        }
    }
}

impl Wake for Asked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.asked.store(true, Ordering::Release);
        // Wakes without the lock.
        let task = {
            let task = self.task.lock();
            task.clone()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl<F> Seldom<F> {
    pub(super) fn new(future: F) -> Self {
        Self {
            future,
            asked: Arc::new(Asked {
                // The first poll is unconditional.
                asked: AtomicBool::new(true),
                task: Mutex::new(None),
            }),
        }
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Registers before it checks, so that no wake-up falls in between.
        this.asked.register(cx.waker());
        if !this.asked.asked.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        this.asked.asked.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(this.asked));
        this.future.poll(&mut Context::from_waker(&waker))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_when_it_asks_and_not_otherwise() {
        let polls = Arc::new(AtomicUsize::new(0));
        let (tell, mut told) = oneshot::channel();
        let count = Arc::clone(&polls);
        let mut seldom = Box::pin(Seldom::new(poll_fn(move |cx| {
            count.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut told).poll(cx)
        })));
        for _ in 0..10 {
            assert!(futures::poll!(&mut seldom).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        let ((), said) = tokio::join!(async { tell.send("now").unwrap() }, seldom);
        assert_eq!(said.unwrap(), "now");
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }
}
