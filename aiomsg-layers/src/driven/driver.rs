use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::Outbound;
use tokio::time::{Instant, sleep_until};
use tower::Service;

use super::handle::Shared;
use crate::shared::{catch, note};

/// The pause after a panic of the stack.
const PAUSE: Duration = Duration::from_millis(100);

/// Moves the messages in a stack while nobody sends. See the [module](super).
pub struct Driver<S>(Arc<Shared<S>>);

impl<S> Driver<S> {
    pub(super) fn new(shared: Arc<Shared<S>>) -> Self {
        Self(shared)
    }
}

impl<S: Service<Outbound>> Driver<S> {
    /// Runs until [`Driven::close`](super::Driven::close) is called.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the work, and loses nothing.
    ///
    /// A panic of the stack, such as one in a user's policy, is logged, and the stack is polled
    /// again a moment later.
    pub async fn run(self) {
        let mut pause = pin!(sleep_until(Instant::now()));
        poll_fn(|cx| {
            loop {
                match catch("the send path", || self.poll_once(cx)) {
                    Ok(polled) => return polled,
                    Err(panicked) => {
                        note(&panicked);
                        pause.as_mut().reset(Instant::now() + PAUSE);
                        if pause.as_mut().poll(cx).is_pending() {
                            return Poll::Pending;
                        }
                    }
                }
            }
        })
        .await;
    }

    /// Ready when the stack is closed.
    pub(super) fn poll_once(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Registered before looking, so that no wake in between is lost.
        self.0.wakers.set_driver(cx.waker());
        let mut locked = self.0.lock();
        if locked.state.closed {
            return Poll::Ready(());
        }
        // Senders use the readiness, and find out about a failure.
        let _ = self.0.poll_stack(&mut locked.state.stack);
        Poll::Pending
    }
}

impl<S> fmt::Debug for Driver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Driver")
    }
}
