//! What is observed of acknowledgements: resends, and how long they took.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::Unacked;
use crate::shared::{catch, note};

/// Hears of acknowledgements: the time, and how many messages it is of.
type Listener = Box<dyn Fn(Duration, usize) + Send + Sync>;

#[derive(Default)]
pub(super) struct Observed {
    resent: AtomicU64,
    listener: OnceLock<Listener>,
}

/// The times of one batch of acknowledgements. Messages that left together are one entry.
pub(super) struct Latencies<'a> {
    listener: &'a Listener,
    now: Instant,
    times: Vec<(Instant, usize)>,
}

impl Unacked {
    /// Returns how many times a message has been sent again so far.
    pub fn resent(&self) -> u64 {
        self.observed().resent.load(Relaxed)
    }

    /// Sets the listener of acknowledgements, and returns whether it is the first one: a later
    /// one is dropped.
    ///
    /// For each batch of acknowledgements, it gets the time since its messages first left on a
    /// connection, and the number of messages that left at that time. It is called without a
    /// lock, in the task of the connection, so it must not block. If it panics, the panic is
    /// logged.
    ///
    /// ```
    /// use aiomsg_core::Discard;
    /// use aiomsg_layers::AtLeastOnceLayer;
    ///
    /// let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    /// let first = layer.unacked().on_acknowledged(|time, messages| {
    ///     println!("{messages} messages were acknowledged after {time:?}");
    /// });
    /// assert!(first);
    /// ```
    pub fn on_acknowledged(
        &self,
        listener: impl Fn(Duration, usize) + Send + Sync + 'static,
    ) -> bool {
        self.observed().listener.set(Box::new(listener)).is_ok()
    }
}

impl Observed {
    pub(super) fn count_resend(&self) {
        self.resent.fetch_add(1, Relaxed);
    }

    /// The times of a batch that is acknowledged now, if anybody listens.
    #[inline]
    pub(super) fn latencies(&self, now: Instant) -> Option<Latencies<'_>> {
        let listener = self.listener.get()?;
        Some(Latencies {
            listener,
            now,
            times: Vec::new(),
        })
    }
}

impl Latencies<'_> {
    /// Adds a message that has first left at this time.
    pub(super) fn add(&mut self, left: Option<Instant>) {
        let Some(left) = left else { return };
        match self.times.last_mut() {
            Some((time, messages)) if *time == left => *messages += 1,
            _ => self.times.push((left, 1)),
        }
    }

    /// Calls the listener. No lock may be held.
    pub(super) fn report(self) {
        for (left, messages) in self.times {
            let time = self.now.saturating_duration_since(left);
            let heard = catch("the listener of acknowledgements", || {
                (self.listener)(time, messages);
            });
            if let Err(panicked) = heard {
                note(&panicked);
                return;
            }
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("resent", &self.resent)
            .field("listener", &self.listener.get().is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests;
