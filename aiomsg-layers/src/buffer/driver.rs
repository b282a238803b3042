use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::service::Shared;
use crate::route::Route;
use crate::shared::{catch, note};

/// How long a router is left alone that has panicked.
const PAUSE: Duration = Duration::from_millis(100);

/// Empties a [`Buffer`](super::Buffer) when a peer comes. See the
/// [module](super).
pub struct Driver<R>(Arc<Shared<R>>);

impl<R: Route> Driver<R> {
    pub(super) fn new(shared: Arc<Shared<R>>) -> Self {
        Self(shared)
    }

    /// Runs until [`Buffer::close`](super::Buffer::close) is called.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the work, and loses nothing.
    ///
    /// # Panics
    ///
    /// Not when the router does, as by a policy or a `Discover` of somebody's: that
    /// is logged, and it is polled again a moment later.
    pub async fn run(self) {
        let mut alarm = pin!(sleep_until(Instant::now()));
        poll_fn(|cx| {
            loop {
                let polled = catch("the router", || self.poll_once(cx));
                let polled = polled.unwrap_or_else(|panicked| {
                    note(&panicked);
                    Some(Some(Instant::now() + PAUSE))
                });
                let Some(expiry) = polled else {
                    return Poll::Ready(());
                };
                let Some(expiry) = expiry else {
                    return Poll::Pending;
                };
                if alarm.deadline() != expiry {
                    alarm.as_mut().reset(expiry);
                }
                if alarm.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }

    /// `None` when closed, else when messages are to be given up next.
    pub(super) fn poll_once(&self, cx: &mut Context<'_>) -> Option<Option<Instant>> {
        // Registered before looking, so that no wake in between is lost.
        self.0.wakers.set_driver(cx.waker(), true);
        let mut router_cx = self.0.context();
        let mut state = self.0.lock();
        if state.closed {
            return None;
        }
        state.router.watch(cx.waker());
        state.router.expire(Instant::now());
        let routed = state.drain(&mut router_cx);
        let needed = !state.waiting.is_empty() || state.router.has_backlog();
        let addressed = std::mem::take(&mut state.addressed);
        let wake = addressed || routed.is_ready() || !state.router.has_peers();
        let expiry = state.router.next_expiry();
        state.alarmed = expiry.is_some();
        drop(state);
        self.0.wakers.set_driver(cx.waker(), needed);
        if wake {
            self.0.wakers.wake_callers();
        }
        Some(expiry)
    }
}

impl<R> std::fmt::Debug for Driver<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Driver")
    }
}
