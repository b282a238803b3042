//! Sending for a time.

use std::time::Duration;

use tokio::time::Instant;

use super::{Outlet, STRIDE, Source, Together, cpu_time, paced, with_each};
use crate::library::{Failure, Job, Outcome};
use crate::parent::{Parent, Report};
use crate::process::shared_clock;

/// Sends through each socket for as long as the job says, as fast as that takes messages or
/// at the pace of the job.
///
/// # Errors
///
/// Those of the library.
pub async fn send<O: Outlet>(
    job: &Job,
    parent: &Parent,
    together: Together,
    mut outlets: Vec<O>,
) -> Outcome {
    if job.tasks > 1 {
        return Err(Failure::Unsupported);
    }
    parent.ready().await?;
    for outlet in &mut outlets {
        outlet.prepare(job.peers_each()).await?;
    }
    if let Some(pace) = job.pace {
        return paced::send(job, pace, parent, together, outlets).await;
    }
    let (sizes, time) = (job.sizes(), Duration::from_secs_f64(job.seconds));
    let (started_nanos, cpu) = (shared_clock(), cpu_time());
    let sent = with_each(together, outlets, |nth, outlet| {
        send_one(outlet, Source::new(sizes.clone(), nth), time)
    })
    .await?;
    let report = Report {
        messages: sent.iter().map(|(count, _)| count).sum(),
        started_nanos,
        ..Report::default()
    };
    parent.done(report, cpu)?;
    // What a library still has to send it sends while its sockets are there.
    std::future::pending::<()>().await;
    drop(sent);
    Ok(())
}

async fn send_one<O: Outlet>(
    mut outlet: O,
    source: Source,
    time: Duration,
) -> Result<(u64, O), Failure> {
    let count = send_for(&mut outlet, source, time).await?;
    outlet.finish().await?;
    Ok((count, outlet))
}

/// Sends for so long, and returns how many messages that were.
pub(super) async fn send_for<O: Outlet>(
    outlet: &mut O,
    mut source: Source,
    time: Duration,
) -> Result<u64, Failure> {
    let until = Instant::now() + time;
    let mut count = 0;
    while count % STRIDE != 0 || Instant::now() < until {
        outlet.send(source.message()).await?;
        count += 1;
    }
    Ok(count)
}
