//! Which calls are timed.

use std::time::Duration;

use tokio::time::Instant;

/// Timed calls in a burst.
const BURST: u32 = 1_000;

/// The time in which one more call is timed: 10,000 a second.
const ONE_MORE: Duration = Duration::from_micros(100);

/// Beyond that, one call of this many is timed.
const STRIDE: u32 = 64;

/// Decides which calls are timed: all, up to a rate, and beyond it one in 64.
///
/// Two looks at the clock and a record in a histogram cost as much as sending a small message,
/// and a histogram of ten thousand calls a second tells as much as one of millions.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    left: u32,
    /// Since when `left` has not grown.
    since: Option<Instant>,
    skipped: u32,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            left: BURST,
            since: None,
            skipped: 0,
        }
    }

    /// Returns the time of a call that begins now, if it is to be timed.
    #[inline]
    pub(super) fn start(&mut self) -> Option<Instant> {
        if self.left == 0 && self.skipped < STRIDE - 1 {
            self.skipped += 1;
            return None;
        }
        Some(self.timed(Instant::now()))
    }

    fn timed(&mut self, now: Instant) -> Instant {
        self.skipped = 0;
        let since = *self.since.get_or_insert(now);
        let waited = now.saturating_duration_since(since);
        let more = waited.as_micros() / ONE_MORE.as_micros();
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        if more > 0 {
            self.since = Some(since + ONE_MORE.saturating_mul(more));
        }
        self.left = self.left.saturating_sub(1).saturating_add(more).min(BURST);
        now
    }
}

#[cfg(test)]
mod tests;
