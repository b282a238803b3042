//! Receiving until all is there.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::{
    Incoming, Inlet, PATIENCE, STRIDE, Tally, Timing, Together, cpu_time, looks, next, with_each,
};
use crate::library::{Failure, Job, Outcome};
use crate::parent::{Parent, Report};
use crate::process::shared_clock;

/// Receives from each socket until everything that was sent is there, or nothing
/// comes any more.
///
/// # Errors
///
/// Those of the library, and when something else arrives than what was sent.
pub async fn receive<I: Inlet>(
    job: &Job,
    parent: &Parent,
    together: Together,
    inlets: Vec<I>,
) -> Outcome {
    let shared = Arc::new(Shared {
        parent: parent.clone(),
        received: AtomicU64::new(0),
        started: OnceLock::new(),
    });
    let timing = job.pace.map(|pace| Arc::new(Timing::new(pace)));
    // Some libraries make connections only while somebody receives, so this
    // goes on before the start is given.
    let receiving = with_each(together, inlets, |_, inlet| {
        let tally = Tally::new(job.sizes()).timed(timing.clone());
        receive_one(inlet, tally, Arc::clone(&shared))
    });
    let ((), received) = tokio::try_join!(parent.ready(), receiving)?;
    let report = Report {
        messages: received.iter().map(|(count, _, _)| count).sum(),
        ended_nanos: received.iter().map(|(_, last, _)| *last).max().unwrap_or(0),
        ..Report::default()
    };
    let report = match &timing {
        Some(timing) => timing.report(report),
        None => report,
    };
    let started = shared.started.get().copied();
    parent.done(report, started.unwrap_or_else(cpu_time))?;
    std::future::pending::<()>().await;
    drop(received);
    Ok(())
}

/// What the sockets of a receiver have in common.
struct Shared {
    parent: Parent,
    received: AtomicU64,
    /// The processor time at the first message.
    started: OnceLock<Duration>,
}

async fn receive_one<I: Inlet>(
    mut inlet: I,
    mut tally: Tally,
    shared: Arc<Shared>,
) -> Result<(u64, u64, I), Failure> {
    let mut looks = looks();
    let mut last = Last::default();
    let (mut told, mut progress) = (0, Instant::now());
    loop {
        let received = tally.received();
        let message = next(&mut inlet, &mut looks, || {
            if told < received {
                shared.received.fetch_add(received - told, Relaxed);
                (told, progress) = (received, Instant::now());
            }
            shared.parent.expected().is_some_and(|expected| {
                shared.received.load(Relaxed) >= expected || progress.elapsed() >= PATIENCE
            })
        });
        let Some(message) = message.await? else { break };
        if received == 0 {
            shared.started.get_or_init(cpu_time);
        }
        message.count(&mut tally)?;
        last.pass(tally.received());
    }
    Ok((tally.received(), last.nanos, inlet))
}

/// When the last message was there, as exactly as is of use.
#[derive(Default)]
struct Last {
    nanos: u64,
    due: u64,
}

impl Last {
    #[inline]
    fn pass(&mut self, count: u64) {
        if count >= self.due {
            self.due = count + STRIDE;
            self.nanos = shared_clock();
        }
    }
}
