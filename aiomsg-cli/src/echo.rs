//! `aiomsg echo`: sends every message back to its sender.

use std::num::NonZeroU64;
use std::task::Poll;

use aiomsg::{Delivery, Limits, Outbound, Socket};
use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::common::answering::{PATIENCE, answering};
use crate::common::aside::{Aside, Full};
use crate::common::failure::{Failure, Outcome};
use crate::common::print;
use crate::common::said::said;
use crate::common::say::say;
use crate::common::socket::SocketArgs;
use crate::common::stop::Stop;
use crate::common::stopped::Stopped;

/// Sends each message back to its sender
///
/// A peer for measurements and trials: see aiomsg bench. A message is acknowledged
/// when its answer is accepted. An answer to a peer that has left waits 5 s for
/// it. Ends by a signal, or after --count messages, and counts them.
///
/// Exit codes: 0 done, or ended by a signal without --count; 1 not all messages
/// were answered; 2 the command line or a file is wrong; 130 and 143 ended by
/// SIGINT and SIGTERM before --count was reached.
#[derive(Debug, Args)]
#[command(override_usage = "aiomsg echo [OPTIONS] <-b|-c|--connect-all ENDPOINT>")]
pub(crate) struct EchoArgs {
    #[command(flatten)]
    socket: SocketArgs,
    /// Ends after this many messages.
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<NonZeroU64>,
    /// Writes one object with the numbers to standard output at the end.
    #[arg(long)]
    json: bool,
}

/// The most that waits here, since the peers can wait as well.
const WAITING: Limits = Limits {
    items: 8192,
    bytes: 8 << 20,
};

#[derive(Debug, Default, Serialize)]
struct Counts {
    messages: u64,
    bytes: u64,
    seconds: f64,
    /// Connections that there were.
    connections: u64,
    /// Answers that did not reach their peer.
    unanswered: u64,
    /// Those among them that the socket did not take.
    refused: u64,
}

pub(crate) async fn run(args: EchoArgs, stop: &mut Stop) -> Outcome {
    let wanted = args.count.map(NonZeroU64::get);
    let builder = match stop.unless_asked(args.socket.builder()).await {
        Ok(builder) => builder?,
        Err(stopped) => return Counts::default().told(&args, Some(stopped)),
    };
    let socket = answering(builder, WAITING).build()?;
    match stop.unless_asked(args.socket.start(&socket)).await {
        Ok(started) => drop(started?),
        Err(stopped) => return Counts::default().told(&args, Some(stopped)),
    }

    let started = Instant::now();
    let mut counts = Counts::default();
    let mut stopped = None;
    let mut aside = Aside::new();
    while wanted.is_none_or(|wanted| counts.messages < wanted) {
        let message = tokio::select! {
            biased;
            signal = stop.asked() => {
                stopped = Some(signal);
                break;
            }
            Some(answered) = aside.next(), if !aside.is_empty() => {
                counts.answered(answered)?;
                continue;
            }
            message = socket.recv_message() => message?,
        };
        counts.messages += 1;
        counts.bytes += message.payload().len() as u64;
        let (peer, bytes) = (message.from().clone(), message.payload().len());
        match aside
            .send(&peer, bytes, answer(socket.clone(), message))
            .await
        {
            Ok(Poll::Ready(answered)) => counts.answered(answered)?,
            Ok(Poll::Pending) => {}
            Err(Full) => counts.refuse("its peer takes nothing, and too much waits for it"),
        }
    }
    let rest = async {
        while let Some(answered) = aside.next().await {
            counts.answered(answered)?;
        }
        Ok::<(), Failure>(())
    };
    tokio::select! {
        biased;
        _ = stop.asked() => {}
        rest = timeout(PATIENCE, rest) => rest.unwrap_or(Ok(()))?,
    }
    counts.refused += aside.len() as u64;
    let report = tokio::select! {
        biased;
        _ = stop.asked() => None,
        report = socket.close(PATIENCE) => Some(report),
    };
    let stats = socket.stats();
    counts.seconds = started.elapsed().as_secs_f64();
    counts.connections = stats.connections;
    counts.unanswered = counts.refused
        + stats.dropped_messages
        + report.map_or(0, |report| report.unsent.len() as u64);
    counts.told(&args, stopped)
}

/// Answers a message.
async fn answer(socket: Socket, message: Delivery) -> Result<(), aiomsg::Error> {
    let from = message.from().clone();
    let asked = message.id();
    let asked = asked.map(|id| Delivery::new(from.clone(), bytes::Bytes::new()).with_id(id));
    socket
        .send_message(Outbound::from(message).to(from))
        .await?;
    if let Some(asked) = asked {
        // Its peer, if it is not there any more, sends it again.
        socket.acknowledge(&asked);
    }
    Ok(())
}

impl Counts {
    /// An answer that is not sent costs nobody else theirs.
    fn answered(&mut self, answered: Result<(), aiomsg::Error>) -> Outcome {
        match answered {
            Err(error) if error.is_closed() => return Err(error.into()),
            Err(error) => self.refuse(said(&error)),
            Ok(()) => {}
        }
        Ok(())
    }

    fn refuse(&mut self, why: impl std::fmt::Display) {
        self.refused += 1;
        if self.refused.is_power_of_two() {
            say(format_args!(
                "note: {} answers not sent: {why}",
                self.refused
            ));
        }
    }

    fn told(&self, args: &EchoArgs, stopped: Option<Stopped>) -> Outcome {
        let told = self.tell(args.json);
        let wanted = args.count.map(NonZeroU64::get);
        self.outcome(wanted, stopped).and(told)
    }

    fn tell(&self, as_json: bool) -> Outcome {
        if as_json {
            return print::print_line(self);
        }
        let Self {
            messages,
            connections,
            seconds,
            ..
        } = self;
        let size = bytesize::ByteSize::b(self.bytes).display().iec();
        say(format_args!(
            "{messages} messages, {size}, in {seconds:.2} s, {connections} connections"
        ));
        Ok(())
    }

    fn outcome(&self, wanted: Option<u64>, stopped: Option<Stopped>) -> Outcome {
        let messages = self.messages;
        if let (Some(wanted), Some(stopped)) = (wanted, stopped) {
            let said = format!("stopped after {messages} of {wanted} messages");
            return Err(Failure::stopped(stopped, said));
        }
        match self.unanswered {
            0 => Ok(()),
            unanswered => Err(Failure::failed(format!(
                "{unanswered} of {messages} answers were not sent: their peers have gone, or do not take them"
            ))),
        }
    }
}
