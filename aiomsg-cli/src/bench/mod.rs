//! `aiomsg bench`: how fast a peer is.

mod chart;
mod one_way;
mod report;
mod round_trip;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aiomsg::layer::SendService;
use aiomsg::{DeliveryGuarantee, Limits, Socket};
use clap::Args;

use crate::common::failure::{Failure, Outcome};
use crate::common::socket::SocketArgs;
use crate::common::stop::Stop;
use crate::common::value::{duration, size};
use crate::common::wait::{PEERS, WaitArgs};
use report::Report;

/// Measures throughput and latency to a peer
///
/// The peer must send each message back, as aiomsg echo does. One message in
/// flight measures the time of a round trip; many measure the throughput, and the
/// wait of each. Latency is from the call of send to the receipt of the answer.
///
/// With --one-way the peer need not answer, as aiomsg recv --raw -o /dev/null:
/// sent messages count, or, with --at-least-once, acknowledged ones.
///
/// Exit codes: 0 done; 1 an answer is missing, or a message was refused or not
/// sent; 2 the command line or a file is wrong; 3 no peer connected in time; 130
/// and 143 ended by SIGINT and SIGTERM.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    socket: SocketArgs,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    load: LoadArgs,
    /// Writes one object with the results to standard output.
    #[arg(long)]
    json: bool,
}

/// The load.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
struct LoadArgs {
    /// The time to measure.
    #[arg(long, short, value_name = "TIME", default_value = "5s", value_parser = duration)]
    duration: Duration,
    /// The time to send before that, without measuring.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    warm_up: Duration,
    /// The size of a message: 16 bytes at least.
    #[arg(long, short, value_name = "SIZE", default_value = "64", value_parser = size)]
    size: usize,
    /// The number of messages that wait for their answers at once.
    #[arg(long, short, value_name = "N", default_value = "1", conflicts_with = "one_way",
          value_parser = clap::value_parser!(u32).range(1..=65536))]
    in_flight: u32,
    /// Sends only: the peer does not answer.
    #[arg(long)]
    one_way: bool,
    /// Sends each message again until it is acknowledged.
    #[arg(long, short)]
    at_least_once: bool,
    /// The time after which an answer counts as missing.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    answer_within: Duration,
}

/// The largest message.
const MAX: usize = aiomsg::parts::transport::codec::DEFAULT_MAX_MESSAGE;

/// The most messages in flight.
const MOST: usize = 256 << 20;

impl LoadArgs {
    fn check(&self) -> Outcome {
        let Self {
            size, in_flight, ..
        } = self;
        if !(16..=MAX).contains(size) {
            return Err(Failure::usage(format!(
                "--size: {size} bytes are not from 16 to {MAX}, the most that a message has"
            )));
        }
        match size.checked_mul(*in_flight as usize) {
            Some(bytes) if bytes <= MOST => Ok(()),
            _ => Err(Failure::usage(format!(
                "--in-flight: {in_flight} messages of {size} bytes are more than the {MOST} bytes \
                 that may be in flight"
            ))),
        }
    }
}

pub(crate) async fn run(args: BenchArgs, stop: &mut Stop) -> Outcome {
    args.load.check()?;
    let guarantee = match args.load.at_least_once {
        true => DeliveryGuarantee::AtLeastOnce,
        false => DeliveryGuarantee::AtMostOnce,
    };
    let in_flight = Limits {
        items: 65_536,
        bytes: 16 << 20,
    };
    let builder = args.socket.builder();
    let socket = stop
        .unless_asked_before(PEERS, builder)
        .await?
        .delivery_guarantee(guarantee)
        .unacknowledged_limits(in_flight)
        .build()?;
    args.wait.start(&socket, &args.socket, None, stop).await?;
    let report = tokio::select! {
        biased;
        stopped = stop.asked() => {
            return Err(Failure::stopped(stopped, "stopped before there was a result"));
        }
        report = measure(&socket, &args.load) => report?,
    };
    let told = report.tell(args.json);
    report.outcome().and(told)
}

async fn measure<S: SendService + Send>(socket: &Socket<S>, load: &LoadArgs) -> Outcome<Report> {
    match load.one_way {
        true => one_way::measure(socket, load).await,
        false => round_trip::measure(socket, load).await,
    }
}
