//! Sending for a time.

use std::time::Duration;

use tokio::time::Instant;

use super::{Outlet, STRIDE, Source, Together, cpu_time, with_each};
use crate::library::{Failure, Job, Outcome};
use crate::parent::{Parent, Report};
use crate::process::shared_clock;

/// Sends through each socket for as long as the job says.
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
    parent.ready().await?;
    for outlet in &mut outlets {
        outlet.prepare(job.peers_each()).await?;
    }
    let (size, time) = (job.size, Duration::from_secs_f64(job.seconds));
    let (started_nanos, cpu) = (shared_clock(), cpu_time());
    let sent = with_each(together, outlets, |nth, outlet| {
        send_one(outlet, Source::new(size, nth), time)
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
    mut source: Source,
    time: Duration,
) -> Result<(u64, O), Failure> {
    let until = Instant::now() + time;
    let mut count = 0;
    while count % STRIDE != 0 || Instant::now() < until {
        outlet.send(source.message()).await?;
        count += 1;
    }
    outlet.finish().await?;
    Ok((count, outlet))
}
