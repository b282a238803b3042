//! Requests without an API for them: a loop that knows requests by their numbers.

use std::time::Duration;

use tokio::time::Instant;

use super::source::number_of;
use super::{Incoming, Inlet, Latencies, Outlet, Source, Tally, cpu_time};
use crate::library::{Failure, Job, Outcome};
use crate::parent::{Parent, Report};
use crate::process::shared_clock;

/// Sends as many messages as are to be outstanding, and another for each that comes back.
///
/// # Errors
///
/// Those of the library, and when something else comes back than what was sent.
pub async fn pipeline<P: Inlet<Message: AsRef<[u8]>> + Outlet>(
    job: &Job,
    parent: &Parent,
    peer: P,
) -> Outcome {
    let (job, parent) = (job.clone(), parent.clone());
    tokio::spawn(async move { keep_outstanding(&job, &parent, peer).await }).await?
}

async fn keep_outstanding<P: Inlet<Message: AsRef<[u8]>> + Outlet>(
    job: &Job,
    parent: &Parent,
    mut peer: P,
) -> Outcome {
    parent.ready().await?;
    peer.prepare(job.peers_each()).await?;
    let (mut source, mut tally) = (Source::new(job.size, 0), Tally::new(job.size));
    let (mut table, trips) = (Table::new(job.outstanding), Latencies::new());
    let (started_nanos, cpu) = (shared_clock(), cpu_time());
    let mut now = Instant::now();
    let until = now + Duration::from_secs_f64(job.seconds);
    for _ in 0..job.outstanding {
        let message = source.message();
        table.sent(number_of(&message), now);
        peer.send(message).await?;
    }
    peer.flush().await?;
    let mut outstanding = job.outstanding;
    while outstanding > 0 {
        let Some(answer) = peer.recv().await? else {
            continue;
        };
        answer.count(&mut tally)?;
        outstanding -= 1;
        now = Instant::now();
        let sent = table.answered(number_of(answer.as_ref()))?;
        trips.note(u64::try_from((now - sent).as_nanos())?);
        if now < until {
            let message = source.message();
            table.sent(number_of(&message), now);
            peer.send(message).await?;
            outstanding += 1;
        }
        if !peer.has_more() {
            peer.flush().await?;
        }
    }
    let report = trips.report(Report {
        messages: tally.received(),
        started_nanos,
        ended_nanos: shared_clock(),
        ..Report::default()
    });
    parent.done(report, cpu)?;
    std::future::pending::<()>().await;
    drop(peer);
    Ok(())
}

/// The requests that are outstanding, and when they were sent. Answers come in order, so that
/// a ring has room for all.
struct Table {
    ring: Vec<Option<(u64, Instant)>>,
}

impl Table {
    fn new(outstanding: usize) -> Self {
        Self {
            ring: vec![None; outstanding.next_power_of_two()],
        }
    }

    fn slot(&mut self, number: u64) -> &mut Option<(u64, Instant)> {
        let nth = number as usize & (self.ring.len() - 1);
        &mut self.ring[nth]
    }

    fn sent(&mut self, number: u64, now: Instant) {
        *self.slot(number) = Some((number, now));
    }

    fn answered(&mut self, number: u64) -> Result<Instant, Failure> {
        match self.slot(number).take() {
            Some((asked, sent)) if asked == number => Ok(sent),
            _ => Err(Failure::new(format!("{number} is no outstanding request"))),
        }
    }
}
