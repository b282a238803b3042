//! The demo with a proxy that is killed while jobs are in it.
//!
//! The producer sends at-least-once: what is not yet stored when the proxy dies, it sends
//! again. What was stored, the next proxy sends. The consumers share one window of a
//! [`DedupLayer`], so a job that comes twice is done once.

use aiomsg::Socket;
use aiomsg::layer::DedupLayer;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::consumer::{Consumer, DEADLINE};
use super::proxy_process::ProxyProcess;
use super::tally::Tally;
use super::{DemoArgs, create, show_all};
use crate::common::failure::{Failure, Outcome};
use crate::common::progress::Progress;
use crate::common::say::say;

/// How often the proxy is killed.
const KILLS: u32 = 3;

pub(super) async fn show(args: &DemoArgs) -> Outcome {
    let jobs = args.jobs.get();
    let mut proxy = ProxyProcess::start().await?;
    let (for_producers, for_consumers) = (proxy.frontend().clone(), proxy.backend().clone());
    if !args.json {
        say(format_args!(
            "proxy: producers at {for_producers}, consumers at {for_consumers}, with a spool"
        ));
    }
    let (done, mut results) = mpsc::channel(1024);
    let once = DedupLayer::new();
    let mut consumers = Vec::new();
    for number in 1..=args.consumers.get() {
        let socket = Socket::builder().receive_layer(once.clone()).build()?;
        consumers.push(Consumer::start(number, socket, &for_consumers, &done)?);
    }
    drop(done);

    let started = Instant::now();
    // The library's patience with a peer is five resends, and this one dies on purpose.
    let producer = Socket::builder().at_least_once().max_resends(u32::MAX);
    let producer = tokio::spawn(create(jobs, for_producers, producer.build()?));
    let mut progress = Progress::new("done", None, args.json).without_lines();
    let mut tally = Tally::new(jobs, consumers.len());
    let (count_done, mut jobs_done) = watch::channel(0_u32);
    let count = async {
        while let Some((consumer, job)) = results.recv().await {
            progress.add(job.len());
            let is_new = u32::from(tally.add(consumer, &job));
            count_done.send_modify(|done| *done += is_new);
            if progress.messages.is_multiple_of(1024) {
                progress.show();
            }
        }
        progress.finish();
        Ok(())
    };
    let work = async {
        for kills_left in (1..=KILLS).rev() {
            let so_far = *jobs_done.borrow();
            let enough = so_far + (jobs - so_far) / (kills_left + 1);
            reach(&mut jobs_done, enough).await?;
            proxy.kill_and_restart().await?;
            say_killed(args, *jobs_done.borrow());
        }
        producer.await.map_err(|error| Failure::because(&error))??;
        // What is lost is for the tally to say.
        let _ = reach(&mut jobs_done, jobs).await;
        proxy.stop().await?;
        for consumer in consumers {
            consumer.stop().await?;
        }
        Ok::<_, Failure>(())
    };
    tokio::try_join!(count, work)?;
    tally.note_kills(KILLS);
    show_all(args, &tally, started.elapsed())
}

fn say_killed(args: &DemoArgs, done: u32) {
    if !args.json {
        say(format_args!(
            "proxy: killed when {done} jobs were done, and started again"
        ));
    }
}

/// Waits until so many jobs are done, as long as there are new ones.
async fn reach(done: &mut watch::Receiver<u32>, enough: u32) -> Outcome {
    while *done.borrow_and_update() < enough {
        let more = timeout(3 * DEADLINE, done.changed()).await;
        if !matches!(more, Ok(Ok(()))) {
            return Err(Failure::failed("the jobs do not go on"));
        }
    }
    Ok(())
}
