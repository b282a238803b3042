//! How long things took, counted in bounded memory.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::parent::Report;

/// Buckets between a power of two and the next: a time is known to 0.2 %.
const BUCKETS: usize = 1 << BITS;

const BITS: u32 = 8;

/// Counts times by buckets. Tasks and threads share it.
pub struct Latencies {
    counts: Box<[AtomicU64]>,
}

impl Latencies {
    /// Counts nothing yet.
    pub fn new() -> Self {
        let buckets = bucket(u64::MAX) + 1;
        Self {
            counts: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Counts a time, in nanoseconds.
    #[inline]
    pub fn note(&self, nanos: u64) {
        self.counts[bucket(nanos)].fetch_add(1, Relaxed);
    }

    /// The time that so many of 1,000 take at most, in nanoseconds. `None` without any times.
    pub fn permille(&self, of_1000: u64) -> Option<u64> {
        let counts = self.counts.iter().map(|count| count.load(Relaxed));
        let total: u64 = counts.clone().sum();
        let rank = (total * of_1000 / 1000).min(total.checked_sub(1)?);
        let mut below = 0;
        let found = counts.into_iter().position(|count| {
            below += count;
            below > rank
        });
        found.map(middle)
    }

    /// The report with these times in it.
    pub fn report(&self, report: Report) -> Report {
        Report {
            p50_nanos: self.permille(500),
            p99_nanos: self.permille(990),
            p999_nanos: self.permille(999),
            ..report
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latencies").finish_non_exhaustive()
    }
}

#[inline]
fn bucket(nanos: u64) -> usize {
    let shift = nanos.checked_ilog2().unwrap_or(0).saturating_sub(BITS);
    // Up to 2 * BUCKETS the buckets are single nanoseconds.
    shift as usize * BUCKETS + (nanos >> shift) as usize
}

/// The time in the middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let shift = (bucket / BUCKETS).saturating_sub(1);
    let first = (bucket - shift * BUCKETS) as u64;
    (first << shift) + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_as_near_as_it_says() {
        let times = (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) + (1 << bit) / 3]);
        let times = times.chain(0..2000).chain([u64::MAX]);
        for nanos in times {
            let off = middle(bucket(nanos)).abs_diff(nanos);
            assert!(off as f64 <= nanos as f64 * 0.002, "{nanos}: off by {off}");
        }
    }

    #[test]
    fn buckets_grow_with_the_time() {
        let buckets: Vec<_> = (0..100_000).map(bucket).collect();
        assert!(buckets.is_sorted());
        assert!(buckets.windows(2).all(|two| two[1] - two[0] <= 1));
    }

    #[test]
    fn shares_of_all_times() {
        let times = Latencies::new();
        assert_eq!(times.permille(500), None);
        (0..200).for_each(|nanos| times.note(nanos));
        assert_eq!(times.permille(500), Some(100));
        assert_eq!(times.permille(990), Some(198));
        assert_eq!(times.permille(1000), Some(199));
    }
}
