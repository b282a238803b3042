//! Thousands of receivers in one process, each no more than a connection with
//! its heartbeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aiomsg::layer::Frame;
use futures::StreamExt;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Duration, Instant, interval};

use crate::drive::{PATIENCE, Tally, cpu_time};
use crate::library::{Failure, Job, Outcome};
use crate::load::light_peer;
use crate::parent::{Parent, Report};
use crate::process::shared_clock;

/// How many connect at once.
const AT_ONCE: usize = 128;

/// How often the sum is looked at.
const LOOK: Duration = Duration::from_millis(5);

pub(super) async fn run(job: &Job, parent: &Parent) -> Outcome {
    let Some(address) = &job.address else {
        return Err(Failure::Unsupported);
    };
    let received = Arc::<AtomicU64>::default();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let (ended, mut ends) = mpsc::channel(1);
    for _ in 0..job.peers {
        let (address, turns, received) = (address.clone(), turns.clone(), received.clone());
        let (ended, size) = (ended.clone(), job.size);
        tokio::spawn(async move {
            let end = peer(&address, &turns, size, &received).await;
            let _ = ended.send(end).await;
        });
    }
    tokio::try_join!(parent.ready(), count(parent, &received, &mut ends))?;
    std::future::pending().await
}

async fn peer(address: &str, turns: &Semaphore, size: usize, received: &AtomicU64) -> Outcome {
    let turn = turns.acquire().await?;
    let mut connection = light_peer::connect(address).await?;
    drop(turn);
    let mut tally = Tally::new(size);
    while let Some(frame) = connection.next().await {
        if let Frame::Data { payload, .. } = frame? {
            tally.note(&payload)?;
            received.fetch_add(1, Relaxed);
        }
    }
    // The socket says goodbye when everything is sent.
    Ok(())
}

/// Waits until all is there.
async fn count(
    parent: &Parent,
    received: &AtomicU64,
    ends: &mut mpsc::Receiver<Outcome>,
) -> Outcome {
    let mut looks = interval(LOOK);
    let (mut cpu, mut ended_nanos) = (None, 0);
    let (mut messages, mut progress) = (0, Instant::now());
    loop {
        tokio::select! {
            Some(end) = ends.recv() => end?,
            _ = looks.tick() => {}
        }
        let sum = received.load(Relaxed);
        if sum > messages {
            (messages, progress, ended_nanos) = (sum, Instant::now(), shared_clock());
            cpu.get_or_insert_with(cpu_time);
        }
        let enough = |expected| sum >= expected || progress.elapsed() >= PATIENCE;
        if parent.expected().is_some_and(enough) {
            break;
        }
    }
    let report = Report {
        messages,
        ended_nanos,
        ..Report::default()
    };
    parent.done(report, cpu.unwrap_or_else(cpu_time))
}
