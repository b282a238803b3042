//! `aiomsg send`: messages from the command line, from files and from a pipe.

mod args;
mod cut;
mod drive;
mod input;
mod refused;
mod summary;

use std::time::Duration;

use aiomsg::{DeliveryGuarantee, Identity, Limits, SendMode, SocketBuilder};
use clap::Args;

use crate::common::failure::Outcome;
use crate::common::identity;
use crate::common::stop::Stop;
use crate::common::value::duration;
pub(crate) use args::{InputArgs, SendingArgs};
pub(crate) use drive::Plan;
pub(crate) use input::{Input, Read};

/// Sends messages: texts, files, or lines from standard input
///
/// Without texts and files, each line of standard input is a message, without
/// its newline. Messages go to the peers in turn, unless --publish or --to says
/// otherwise. A message has at most 64 MiB; a longer line is skipped.
///
/// Exit codes: 0 all messages were sent (with --at-least-once, acknowledged); 1
/// some were not; 2 the command line or a file is wrong; 3 no peer connected in
/// time; 130 and 143 ended by SIGINT and SIGTERM before all messages were sent.
/// --repeat forever ends by a signal, with code 0.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    sending: SendingArgs,
    #[command(flatten)]
    how: HowArgs,
}

/// The way to send them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sending")]
struct HowArgs {
    /// Sends each message to every connected peer.
    #[arg(long, short)]
    publish: bool,
    /// Sends to the peer with this identity, text or hex:…, and waits for it.
    #[arg(long, value_name = "IDENTITY", value_parser = identity::parse, conflicts_with = "publish")]
    to: Option<Identity>,
    /// Sends each message again until it is acknowledged: it may arrive twice.
    #[arg(long, short, conflicts_with = "publish")]
    at_least_once: bool,
    /// The time to wait for an acknowledgement before a resend, 5 times at most.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    ack_timeout: Duration,
}

/// The most that is under way: enough for a fast network, and little memory.
const IN_FLIGHT: Limits = Limits {
    items: 65_536,
    bytes: 8 << 20,
};

pub(crate) async fn run(args: SendArgs, stop: &mut Stop) -> Outcome {
    let SendArgs { sending, how } = &args;
    let plan = Plan {
        args: sending,
        to: how.to.as_ref(),
        at_least_once: how.at_least_once,
        labels: None,
    };
    let with = |builder: SocketBuilder| {
        builder
            .send_mode(how.mode())
            .delivery_guarantee(how.guarantee())
            .ack_timeout(how.ack_timeout)
    };
    plan.run(with, stop).await
}

impl HowArgs {
    fn mode(&self) -> SendMode {
        match self.publish {
            true => SendMode::Publish,
            false => SendMode::RoundRobin,
        }
    }

    fn guarantee(&self) -> DeliveryGuarantee {
        match self.at_least_once {
            true => DeliveryGuarantee::AtLeastOnce,
            false => DeliveryGuarantee::AtMostOnce,
        }
    }
}
