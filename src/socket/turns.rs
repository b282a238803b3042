//! Whose turn it is to wait for the stack.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// A line of tasks, first come, first served.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// How many are in the line, or at its head.
    pub(super) waiting: AtomicUsize,
    head: Mutex<()>,
}

/// The head of the line.
pub(super) struct Turn<'a> {
    _head: MutexGuard<'a, ()>,
    _place: Place<'a>,
}

/// A place in the line, for as long as somebody stands there.
struct Place<'a>(&'a Turns);

impl Turns {
    /// Waits for the head of the line.
    pub(super) async fn turn(&self) -> Turn<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(self);
        Turn {
            _head: self.head.lock().await,
            _place: place,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
