//! Round trips.

use std::time::Duration;

use tokio::time::Instant;

use super::{Incoming, Inlet, Latencies, Outlet, Source, Tally, cpu_time};
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
    let trips = Latencies::new();
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
        trips.note(u64::try_from((now - then).as_nanos())?);
    }
    let ended_nanos = shared_clock();
    let report = trips.report(Report {
        messages: tally.received(),
        started_nanos,
        ended_nanos,
        ..Report::default()
    });
    parent.done(report, cpu)?;
    std::future::pending::<()>().await;
    drop(peer);
    Ok(())
}
