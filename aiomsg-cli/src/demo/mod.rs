//! `aiomsg demo`: a producer of jobs, a proxy and consumers, all in one command.
//!
//! ```text
//!                                        ┌─▶ consumer 1
//!  producer ──▶ frontend ─proxy─ backend ─┤
//!                                        └─▶ consumer 2
//! ```

mod consumer;
#[cfg(feature = "spool")]
mod proxy_process;
#[cfg(feature = "spool")]
mod spooled;
mod tally;

use std::num::NonZeroU32;
use std::time::Duration;

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
use consumer::{Consumer, DEADLINE};
use tally::Tally;

/// Runs a producer of jobs, a proxy and two consumers
///
/// Each is a socket, connected by TCP on this machine. A table shows the jobs
/// of each consumer, and whether each job was done exactly once. The demo ends by itself.
///
/// Exit codes: 0 each job was done exactly once; 1 a job was lost or done twice, or
/// the demo failed; 2 the command line is wrong; 130 and 143 ended by SIGINT and
/// SIGTERM.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The number of jobs, 10,000,000 at most.
    #[arg(long, value_name = "N", default_value = "10000", value_parser = jobs)]
    jobs: NonZeroU32,
    /// The number of consumers, 64 at most.
    #[arg(long, value_name = "N", default_value = "2", value_parser = consumers)]
    consumers: NonZeroU32,
    /// Has the proxy store the jobs in a temporary folder, and kills it three times
    /// (kill -9) while they are in it.
    #[cfg(feature = "spool")]
    #[arg(long)]
    spool: bool,
    /// Writes one object with the numbers to standard output, and no table.
    #[arg(long)]
    json: bool,
}

/// Each job costs a byte.
fn jobs(text: &str) -> Result<NonZeroU32, String> {
    up_to(text, 10_000_000)
}

fn consumers(text: &str) -> Result<NonZeroU32, String> {
    up_to(text, 64)
}

fn up_to(text: &str, most: u32) -> Result<NonZeroU32, String> {
    match text.parse::<NonZeroU32>() {
        Ok(number) if number.get() <= most => Ok(number),
        _ => Err(format!("it is no number from 1 to {most}")),
    }
}

pub(crate) async fn run(args: DemoArgs, stop: &mut Stop) -> Outcome {
    #[cfg(feature = "spool")]
    if args.spool {
        let show = spooled::show(&args);
        return stop.unless_asked_before("all jobs were done", show).await;
    }
    let show = show(&args);
    stop.unless_asked_before("all jobs were done", show).await
}

async fn show(args: &DemoArgs) -> Outcome {
    let jobs = args.jobs.get();
    // The system chooses the ports.
    let anywhere = ["--frontend", "127.0.0.1:0", "--backend", "127.0.0.1:0"];
    let proxy = InProcess::start(&anywhere).await?;
    let (for_producers, for_consumers) = (proxy.frontend()?, proxy.backend()?);
    if !args.json {
        say(format_args!(
            "proxy: producers at {for_producers}, consumers at {for_consumers}"
        ));
    }
    let (done, mut results) = mpsc::channel(1024);
    let mut consumers = Vec::new();
    for number in 1..=args.consumers.get() {
        consumers.push(Consumer::start(
            number,
            Socket::new()?,
            &for_consumers,
            &done,
        )?);
    }
    drop(done);
    proxy.wait_for_consumers(consumers.len()).await?;

    let started = Instant::now();
    let producer = tokio::spawn(create(jobs, for_producers, Socket::new()?));
    let mut progress = Progress::new("done", None, args.json).without_lines();
    let mut tally = Tally::new(jobs, consumers.len());
    // They end when the last consumer has ended.
    let count = async {
        while let Some((consumer, job)) = results.recv().await {
            progress.add(job.len());
            tally.add(consumer, &job);
            if progress.messages.is_multiple_of(1024) {
                progress.show();
            }
        }
        progress.finish();
        Ok(())
    };
    // From the source down, so that each end has sent all before the next one ends.
    let work = async {
        producer.await.map_err(|error| Failure::because(&error))??;
        proxy.drain().await?;
        for consumer in consumers {
            consumer.stop().await?;
        }
        Ok::<_, Failure>(())
    };
    tokio::try_join!(count, work)?;
    show_all(args, &tally, started.elapsed())
}

fn show_all(args: &DemoArgs, tally: &Tally, time: Duration) -> Outcome {
    let told = match args.json {
        true => print::print_line(&tally.summary(time)),
        false => print::print_text(&tally.table(time)),
    };
    tally.outcome().and(told)
}

/// Sends the jobs, each with its number.
async fn create(jobs: u32, proxy: Endpoint, socket: Socket) -> Outcome {
    socket.connect(proxy)?;
    for job in 0..jobs {
        socket.send_text(job.to_string()).await?;
    }
    socket.wait_for_peers(1).await?;
    // A socket that closes connects to no proxy that comes back.
    socket.drain(3 * DEADLINE).await;
    let report = socket.close(DEADLINE).await;
    match report.is_clean() {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "the producer kept {} jobs",
            report.unsent.len() + report.unacknowledged.len()
        ))),
    }
}
