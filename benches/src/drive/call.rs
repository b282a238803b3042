//! Requests, several of which wait for their answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Incoming, Latencies, Source, Tally, Together, cpu_time, with_each};
use crate::library::{Failure, Job, Outcome};
use crate::parent::{Parent, Report};
use crate::process::shared_clock;

/// What a library has for requests. A clone asks through the same connection.
pub trait Caller: Clone + Send + 'static {
    /// An answer, as the library hands it over.
    type Answer: Incoming + Send;

    /// Waits until requests can be sent.
    fn prepare(&mut self) -> impl Future<Output = Outcome> + Send {
        async { Ok(()) }
    }

    /// Sends a request, and waits for its answer.
    fn call(
        &mut self,
        request: Bytes,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + Send;
}

/// Asks from as many tasks as requests are outstanding, one request of each at a time.
///
/// # Errors
///
/// Those of the library, and when the answer is another than the request.
pub async fn call<C: Caller>(job: &Job, parent: &Parent, mut caller: C) -> Outcome {
    parent.ready().await?;
    caller.prepare().await?;
    let (size, time) = (job.size, Duration::from_secs_f64(job.seconds));
    let trips = Arc::<Latencies>::default();
    let (started_nanos, cpu) = (shared_clock(), cpu_time());
    let callers = vec![caller.clone(); job.outstanding];
    let count = job.outstanding;
    let answered = with_each(Together::Tasks, callers, |nth, caller| {
        ask(
            caller,
            Source::new(size, nth).among(count),
            Tally::new(size),
            time,
            Arc::clone(&trips),
        )
    })
    .await?;
    let report = trips.report(Report {
        messages: answered.iter().sum(),
        started_nanos,
        ended_nanos: shared_clock(),
        ..Report::default()
    });
    parent.done(report, cpu)?;
    std::future::pending::<()>().await;
    drop(caller);
    Ok(())
}

async fn ask<C: Caller>(
    mut caller: C,
    mut source: Source,
    mut tally: Tally,
    time: Duration,
    trips: Arc<Latencies>,
) -> Result<u64, Failure> {
    let mut now = Instant::now();
    let until = now + time;
    while now < until {
        let answer = caller.call(source.message()).await?;
        answer.count(&mut tally)?;
        let then = std::mem::replace(&mut now, Instant::now());
        trips.note(u64::try_from((now - then).as_nanos())?);
    }
    Ok(tally.received())
}
