//! `aiomsg demo`: a creator of jobs, a proxy and workers, all in one command.
//!
//! ```text
//!                                       ┌─▶ worker 1
//!  creator ──▶ frontend ─proxy─ backend ┤
//!                                       └─▶ worker 2
//! ```

mod tally;
mod worker;

use std::num::NonZeroU32;

use aiomsg::{Endpoint, Socket};
use clap::Args;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::common::failure::{Failure, Outcome};
use crate::common::print;
use crate::common::progress::Progress;
use crate::common::say::say;
use crate::common::stop::Stop;
use crate::proxy::InProcess;
use tally::Tally;
use worker::{DEADLINE, Worker};

/// Runs a producer of jobs, a proxy and two consumers
///
/// Each is a socket, connected by TCP on this machine. The output calls producer and
/// consumers creator and workers, as the cookbook does. A table shows the jobs of each
/// worker, and whether each job was done exactly once. The demo ends by itself.
///
/// Exit codes: 0 each job was done exactly once; 1 a job was lost or done twice, or
/// the demo failed; 2 the command line is wrong; 130 and 143 ended by SIGINT and
/// SIGTERM.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The number of jobs, 10,000,000 at most.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = jobs)]
    jobs: NonZeroU32,
    /// The number of workers, 64 at most.
    #[arg(long, value_name = "N", default_value = "2", value_parser = workers)]
    workers: NonZeroU32,
    /// Writes one object with the numbers to standard output, and no table.
    #[arg(long)]
    json: bool,
}

/// What is remembered of each job is a byte.
fn jobs(text: &str) -> Result<NonZeroU32, String> {
    up_to(text, 10_000_000)
}

fn workers(text: &str) -> Result<NonZeroU32, String> {
    up_to(text, 64)
}

fn up_to(text: &str, most: u32) -> Result<NonZeroU32, String> {
    match text.parse::<NonZeroU32>() {
        Ok(number) if number.get() <= most => Ok(number),
        _ => Err(format!("it is no number from 1 to {most}")),
    }
}

pub(crate) async fn run(args: DemoArgs, stop: &mut Stop) -> Outcome {
    let show = show(&args);
    stop.unless_asked_before("all jobs were done", show).await
}

async fn show(args: &DemoArgs) -> Outcome {
    let jobs = args.jobs.get();
    // The system chooses the ports.
    let anywhere = ["--frontend", "127.0.0.1:0", "--backend", "127.0.0.1:0"];
    let proxy = InProcess::start(&anywhere).await?;
    let (for_creators, for_workers) = (proxy.frontend()?, proxy.backend()?);
    if !args.json {
        say(format_args!(
            "proxy: creators at {for_creators}, workers at {for_workers}"
        ));
    }
    let (done, mut results) = mpsc::channel(1024);
    let mut workers = Vec::new();
    for number in 1..=args.workers.get() {
        workers.push(Worker::start(number, &for_workers, &done)?);
    }
    drop(done);
    proxy.wait_for_workers(workers.len()).await?;

    let started = Instant::now();
    let creator = tokio::spawn(create(jobs, for_creators));
    let mut progress = Progress::new("done", None, args.json).without_lines();
    let mut tally = Tally::new(jobs, workers.len());
    // They end when the last worker has ended.
    let count = async {
        while let Some((worker, job)) = results.recv().await {
            progress.add(job.len());
            tally.add(worker, &job);
            if progress.messages.is_multiple_of(1024) {
                progress.show();
            }
        }
        progress.finish();
        Ok(())
    };
    // From the source down, so that each end has sent all before the next one ends.
    let work = async {
        creator.await.map_err(|error| Failure::because(&error))??;
        proxy.drain().await?;
        for worker in workers {
            worker.stop().await?;
        }
        Ok::<_, Failure>(())
    };
    tokio::try_join!(count, work)?;
    let time = started.elapsed();
    let told = match args.json {
        true => print::print_line(&tally.summary(time)),
        false => print::print_text(&tally.table(time)),
    };
    tally.outcome().and(told)
}

/// Sends the jobs, each with its number.
async fn create(jobs: u32, proxy: Endpoint) -> Outcome {
    let socket = Socket::new()?;
    socket.connect(proxy)?;
    for job in 0..jobs {
        socket.send_text(job.to_string()).await?;
    }
    socket.wait_for_peers(1).await?;
    let report = socket.close(DEADLINE).await;
    match report.is_clean() {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "the creator kept {} jobs",
            report.unsent.len()
        ))),
    }
}
