//! How long paced messages are under way.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Latencies;
use crate::library::Pace;
use crate::parent::Report;
use crate::process::shared_clock;

/// The times from when messages [were due](super::send) until they are handed over, of all
/// sockets of a receiver.
#[derive(Debug)]
pub struct Timing {
    messages: Latencies,
    bursts: Latencies,
    at_once: u64,
    /// When the last message was there.
    ended_nanos: AtomicU64,
}

impl Timing {
    /// Of messages at this pace.
    pub fn new(pace: Pace) -> Self {
        Self {
            messages: Latencies::new(),
            bursts: Latencies::new(),
            at_once: pace.at_once,
            ended_nanos: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn note(&self, number: u64, payload: &[u8]) {
        let Some(since) = payload.get(8..).and_then(<[u8]>::first_chunk) else {
            return;
        };
        let now = shared_clock();
        self.ended_nanos.fetch_max(now, Relaxed);
        // The messages of a burst all count from its begin.
        let nanos = now.saturating_sub(u64::from_le_bytes(*since));
        self.messages.note(nanos);
        if self.at_once > 1 && (number + 1).is_multiple_of(self.at_once) {
            self.bursts.note(nanos);
        }
    }

    pub(super) fn report(&self, report: Report) -> Report {
        let burst_nanos = self.bursts.permille(500);
        self.messages.report(Report {
            burst_nanos,
            ended_nanos: self.ended_nanos.load(Relaxed),
            ..report
        })
    }
}
