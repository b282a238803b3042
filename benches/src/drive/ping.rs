//! Round trips.

use std::time::Duration;

use tokio::time::Instant;

use super::{Incoming, Inlet, Outlet, Source, Tally, cpu_time};
use crate::library::{Job, Outcome};
use crate::parent::{Parent, Report};
use crate::process::shared_clock;

/// Sends a message, waits for it to come back, and sends the next.
///
/// # Errors
///
/// Those of the library, and when something else comes back than what was sent.
pub async fn ping<P: Inlet + Outlet>(job: &Job, parent: &Parent, peer: P) -> Outcome {
    let (job, parent) = (job.clone(), parent.clone());
    tokio::spawn(async move { round_trips(&job, &parent, peer).await }).await?
}

async fn round_trips<P: Inlet + Outlet>(job: &Job, parent: &Parent, mut peer: P) -> Outcome {
    parent.ready().await?;
    peer.prepare(job.peers_each()).await?;
    let (mut source, mut tally) = (Source::new(job.size, 0), Tally::new(job.size));
    let mut trips = Vec::with_capacity(1 << 18);
    let (started_nanos, cpu) = (shared_clock(), cpu_time());
    let mut now = Instant::now();
    let until = now + Duration::from_secs_f64(job.seconds);
    while now < until {
        peer.send(source.message()).await?;
        peer.flush().await?;
        let message = loop {
            if let Some(message) = peer.recv().await? {
                break message;
            }
        };
        message.count(&mut tally)?;
        let then = std::mem::replace(&mut now, Instant::now());
        trips.push(now - then);
    }
    let ended_nanos = shared_clock();
    trips.sort_unstable();
    let report = Report {
        messages: tally.received(),
        started_nanos,
        ended_nanos,
        p50_nanos: percentile(&trips, 50),
        p99_nanos: percentile(&trips, 99),
        ..Report::default()
    };
    parent.done(report, cpu)?;
    std::future::pending::<()>().await;
    drop(peer);
    Ok(())
}

fn percentile(sorted: &[Duration], percent: usize) -> Option<u64> {
    let at = (sorted.len() * percent / 100).min(sorted.len().checked_sub(1)?);
    u64::try_from(sorted[at].as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_sorted_times() {
        let times: Vec<_> = (0..200).map(Duration::from_nanos).collect();
        assert_eq!(percentile(&times, 50), Some(100));
        assert_eq!(percentile(&times, 99), Some(198));
        assert_eq!(percentile(&times[..1], 99), Some(0));
        assert_eq!(percentile(&[], 50), None);
    }
}
