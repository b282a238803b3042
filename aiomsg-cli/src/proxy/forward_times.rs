//! How long messages take through the proxy.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use metrics::Histogram;
use tokio::time::Instant;

/// One message of so many is timed where each goes alone: a clock is read twice for it.
const SAMPLE: u64 = 32;

/// The times of messages from producers, if somebody wants them.
#[derive(Default)]
pub(crate) struct ForwardTimes {
    histogram: OnceLock<Histogram>,
    messages: AtomicU64,
}

impl ForwardTimes {
    /// Notes times here from now on.
    pub(super) fn note_in(&self, histogram: Histogram) {
        // A proxy has one set of metrics.
        let _ = self.histogram.set(histogram);
    }

    /// Begins the time of a message that was taken from the inbox, if it is one to be timed.
    pub(super) fn begin(&self) -> Option<Instant> {
        self.histogram.get()?;
        let number = self.messages.fetch_add(1, Relaxed);
        number.is_multiple_of(SAMPLE).then(Instant::now)
    }

    /// Begins the time of a batch, whose first message was taken from the inbox. Each batch is
    /// timed.
    pub(super) fn begin_batch(&self) -> Option<Instant> {
        self.histogram.get().map(|_| Instant::now())
    }

    /// Notes the time of a message, or a batch, that was forwarded.
    pub(super) fn end(&self, begun: Option<Instant>) {
        if let (Some(begun), Some(histogram)) = (begun, self.histogram.get()) {
            histogram.record(begun.elapsed());
        }
    }
}

impl std::fmt::Debug for ForwardTimes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForwardTimes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_timed_for_nobody_and_one_of_32_for_somebody() {
        let times = ForwardTimes::default();
        assert!(times.begin().is_none());
        times.note_in(Histogram::noop());
        let timed = (0..65).filter(|_| times.begin().is_some()).count();
        assert_eq!(timed, 3);
    }

    #[tokio::test]
    async fn every_batch_is_timed_for_somebody() {
        let times = ForwardTimes::default();
        assert!(times.begin_batch().is_none());
        times.note_in(Histogram::noop());
        assert!((0..3).all(|_| times.begin_batch().is_some()));
    }
}
