//! The mocks themselves: that they behave as what they stand for, and find
//! what they are there to find.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod connection;
mod discard;
mod peers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Wake, Waker};

/// A task that counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl Wakes {
    fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (Arc::clone(&wakes), Waker::from(wakes))
    }

    /// How often since it was last asked.
    fn take(&self) -> usize {
        self.0.swap(0, Relaxed)
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}
