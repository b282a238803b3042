//! A bound on the reports of a second.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use aiomsg_core::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

/// A bound on reports in each second: a flood of connections must not push other events, or
/// log lines, out, or strangers could hide those.
#[derive(Debug)]
pub(super) struct PerSecond {
    most: u32,
    second: Mutex<Second>,
    /// Whether any reports were omitted: a cheap check for frequent events.
    any: AtomicBool,
}

#[derive(Debug, Default)]
struct Second {
    began: Option<Instant>,
    told: u32,
    omitted: u64,
    /// The omitted reports of the seconds before.
    due: u64,
}

const SECOND: Duration = Duration::from_secs(1);

impl PerSecond {
    /// Allows `most` reports in each second, and at least one.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: u32::try_from(most).unwrap_or(u32::MAX).max(1),
            second: Mutex::default(),
            any: AtomicBool::new(false),
        }
    }

    /// Returns whether to report one more. If not, counts it.
    pub(super) fn admit(&self) -> bool {
        let mut second = self.lock();
        if second.began.is_none() {
            second.began = Some(Instant::now());
        }
        if second.told < self.most {
            second.told += 1;
            return true;
        }
        second.omitted += 1;
        self.any.store(true, Relaxed);
        false
    }

    /// Takes the number of omitted reports of past seconds.
    pub(super) fn take_omitted(&self) -> Option<u64> {
        if !self.any.load(Relaxed) {
            return None;
        }
        let mut second = self.lock();
        self.any.store(second.omitted > 0, Relaxed);
        Some(std::mem::take(&mut second.due)).filter(|&due| due > 0)
    }

    /// The current second.
    fn lock(&self) -> MutexGuard<'_, Second> {
        let mut second = self.second.lock();
        if second
            .began
            .is_some_and(|began| Instant::now() >= began + SECOND)
        {
            *second = Second {
                due: second.due + second.omitted,
                ..Second::default()
            };
        }
        second
    }
}

#[cfg(test)]
mod tests;
