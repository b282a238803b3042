//! `aiomsg send`: messages from the command line, from files and from a pipe.

mod cut;
mod input;
mod refused;
mod summary;

use std::convert::Infallible;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use aiomsg::close::CloseReport;
use aiomsg::layer::SendService;
use aiomsg::{DeliveryGuarantee, Identity, Limits, Outbound, SendMode, Socket};
use bytes::Bytes;
use clap::Args;
use futures::FutureExt;
use tokio::time::{Instant, sleep, timeout};

use crate::common::failure::{Failure, Outcome};
use crate::common::identity;
use crate::common::print;
use crate::common::progress::Progress;
use crate::common::say::say;
use crate::common::socket::SocketArgs;
use crate::common::stop::Stop;
use crate::common::stopped::Stopped;
use crate::common::value::{Patience, Rate, Repeat, duration, size};
use crate::common::wait::{PEERS, WaitArgs, after, until};
use cut::Cut;
use input::{Input, Read, Source};
use refused::Refused;

use summary::Summary;

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
    socket: SocketArgs,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    how: HowArgs,
    /// Writes one object with the results to standard output.
    #[arg(long)]
    json: bool,
    /// Shows no progress.
    #[arg(long, short)]
    quiet: bool,
}

/// The messages to send.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
struct InputArgs {
    /// Messages to send.
    #[arg(value_name = "TEXT", conflicts_with_all = ["file", "lines", "length_prefixed", "raw"])]
    texts: Vec<OsString>,
    /// Sends a file as one message, or in pieces with --chunk-size, --lines or
    /// --length-prefixed; - is standard input; may be repeated.
    #[arg(long, short, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Sends each line as a message, without its newline. The default for
    /// standard input.
    #[arg(long, short, group = "cut")]
    lines: bool,
    /// Reads the length of each message before it, in 4 bytes, big-endian.
    #[arg(long, group = "cut")]
    length_prefixed: bool,
    /// Sends bytes as they arrive, in pieces of --chunk-size at most.
    #[arg(long, group = "cut")]
    raw: bool,
    /// The size of a piece; implies --raw [default: 64KiB]
    #[arg(long, value_name = "SIZE", value_parser = size,
          conflicts_with_all = ["texts", "lines", "length_prefixed"])]
    chunk_size: Option<usize>,
    /// Sends this many messages at most.
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<NonZeroU64>,
    /// Sends the texts or files this many times: a number, or forever.
    #[arg(long, value_name = "TIMES", default_value = "1")]
    repeat: Repeat,
}

/// The way to send them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sending")]
struct HowArgs {
    /// Sends at most this many messages in a time, such as 100/s, 30/m or 5/h.
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
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
    /// The time to wait at the end for unsent and unacknowledged messages, or
    /// forever.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    linger: Patience,
}

/// What may be on its way: enough for a fast network, and little memory.
const IN_FLIGHT: Limits = Limits {
    items: 65_536,
    bytes: 8 << 20,
};

pub(crate) async fn run(args: SendArgs, stop: &mut Stop) -> Outcome {
    let (input, total) = args.input.open()?;
    let builder = stop.unless_asked_before(PEERS, args.socket.builder()).await;
    let builder = match builder {
        Err(failure) if args.input.has_ended(&failure) => return args.tell(&Summary::default()),
        builder => builder?,
    };
    let (mode, guarantee) = (args.how.mode(), args.how.guarantee());
    let builder = builder
        .send_mode(mode)
        .delivery_guarantee(guarantee)
        .ack_timeout(args.how.ack_timeout)
        .unacknowledged_limits(IN_FLIGHT)
        .buffer_limits(IN_FLIGHT);
    let progress = Progress::new("sent", total, args.quiet);
    match args.how.rate {
        Some(rate) => {
            let socket = builder.layer(rate.layer()).build()?;
            drive(&args, socket, input, progress, stop).await
        }
        None => drive(&args, builder.build()?, input, progress, stop).await,
    }
}

impl SendArgs {
    fn tell(&self, summary: &Summary) -> Outcome {
        if self.json {
            return print::print_line(summary);
        }
        if !self.quiet {
            say(format_args!("sent {summary}"));
        }
        Ok(())
    }
}

impl InputArgs {
    /// Whether a signal has come where that is the end, and no failure.
    fn has_ended(&self, failure: &Failure) -> bool {
        failure.is_stop() && self.is_endless()
    }

    /// Whether it goes on until it is told to end.
    fn is_endless(&self) -> bool {
        self.repeat.0.is_none() && self.count.is_none()
    }

    /// What is sent, and of how many bytes it is, if that is known.
    fn open(&self) -> Outcome<(Input, Option<u64>)> {
        let cut = match self {
            Self { lines: true, .. } => Cut::Lines,
            Self {
                length_prefixed: true,
                ..
            } => Cut::LengthPrefixed,
            Self {
                raw, chunk_size, ..
            } if *raw || chunk_size.is_some() => Cut::pieces(chunk_size.unwrap_or(64 << 10))?,
            Self { file, .. } if !file.is_empty() => Cut::Whole,
            _ => Cut::Lines,
        };
        let source = match (self.texts.is_empty(), self.file.is_empty()) {
            (false, _) => Source::Texts(self.texts.clone()),
            (true, false) => Source::Files(self.file.clone()),
            (true, true) => Source::Stdin,
        };
        source.check(cut, self.repeat)?;
        let total = match self.count {
            None => source.bytes(self.repeat),
            Some(_) => None,
        };
        let input = Input::start(source, cut, self.repeat, self.count)?;
        Ok((input, total))
    }
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

/// Why no more is sent.
enum Ended {
    AllRead,
    Stopped(Stopped),
    Failed(Failure),
}

async fn drive<S: SendService + Send>(
    args: &SendArgs,
    socket: Socket<S>,
    mut input: Input,
    mut progress: Progress,
    stop: &mut Stop,
) -> Outcome {
    let named = args.how.to.as_ref();
    let started = args.wait.start(&socket, &args.socket, named, stop).await;
    match started {
        Err(failure) if args.input.has_ended(&failure) => return args.tell(&Summary::default()),
        started => drop(started?),
    }

    let started = Instant::now();
    let mut sending = Sending {
        socket: &socket,
        to: named,
        stall: args.wait.stall(),
        stop: &mut *stop,
        progress: &mut progress,
        refused: Refused::default(),
        left: 0,
    };
    let ended = sending.all(&mut input).await;
    let left = sending.left + input.end();
    let refused = sending.refused;
    let hint = matches!(ended, Ended::Stopped(_)) && !args.quiet;
    let report = tokio::select! {
        report = finish(&socket, args.how.linger, stop) => report,
        never = hint_at_the_rest(hint) => match never {},
    };
    progress.finish();
    let time = started.elapsed();
    let mut summary = Summary::new(&progress, socket.stats(), report.as_ref().ok(), time);
    summary.refused = refused.count();
    if !args.input.is_endless() {
        summary.left = left;
    }
    let outcome = match (ended, report) {
        (Ended::Failed(failure), _) => Err(failure.but(format_args!("sent were {summary}"))),
        // It has no end of its own: to be told to end is how it ends.
        (Ended::Stopped(_), Ok(_)) if args.input.is_endless() => {
            refused.outcome(&summary, args.how.at_least_once)
        }
        (Ended::Stopped(stopped), _) => Err(Failure::stopped(
            stopped,
            format!("stopped before all was read; sent were {summary}"),
        )),
        (Ended::AllRead, Err(stopped)) => Err(Failure::stopped(
            stopped,
            format!("stopped before all was sent; of {summary}"),
        )),
        (Ended::AllRead, Ok(_)) => refused.outcome(&summary, args.how.at_least_once),
    };
    // An error says it already, or says why there is nothing to sum up.
    match outcome {
        Ok(()) => args.tell(&summary),
        failed if args.json => failed.and(print::print_line(&summary)),
        failed => failed,
    }
}

/// Waits for what is on its way, and closes the socket, unless a signal comes
/// meanwhile.
async fn finish<S>(
    socket: &Socket<S>,
    Patience(linger): Patience,
    stop: &mut Stop,
) -> Result<CloseReport, Stopped> {
    // A socket that closes does not wait for a peer that is about to be back.
    let linger = linger.unwrap_or(Duration::MAX / 4);
    let started = Instant::now();
    let settled = until(|| {
        let stats = socket.stats();
        stats.buffered_messages == 0 && stats.unacknowledged_messages == 0
    });
    let closed = async {
        let _ = timeout(linger.min(FOREVER), settled).await;
        socket.close(linger.saturating_sub(started.elapsed())).await
    };
    tokio::select! {
        biased;
        stopped = stop.asked() => Err(stopped),
        report = closed => Ok(report),
    }
}

/// Whoever has stopped it and waits is told what for.
async fn hint_at_the_rest(hint: bool) -> Infallible {
    if hint {
        sleep(Duration::from_millis(200)).await;
        say(
            "stopped; what is on its way has until --linger is over; another signal ends it at once",
        );
    }
    std::future::pending().await
}

/// What a timer can be set to.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

// ===== Sending =====

struct Sending<'a, S> {
    socket: &'a Socket<S>,
    to: Option<&'a Identity>,
    stall: Option<Duration>,
    stop: &'a mut Stop,
    progress: &'a mut Progress,
    refused: Refused,
    /// Messages that were taken from the input, and were not sent when it ended.
    left: u64,
}

impl<S: SendService + Send> Sending<'_, S> {
    async fn all(&mut self, input: &mut Input) -> Ended {
        loop {
            let batch = tokio::select! {
                biased;
                stopped = self.stop.asked() => return Ended::Stopped(stopped),
                batch = input.next() => batch,
            };
            let batch = match batch {
                None => return Ended::AllRead,
                Some(Err(failure)) => return Ended::Failed(failure),
                Some(Ok(Read::Messages(batch))) => batch,
                Some(Ok(Read::Note(note))) => {
                    say(format_args!("note: {note}"));
                    continue;
                }
                Some(Ok(Read::Refused(why))) => {
                    self.refused.add(why);
                    continue;
                }
            };
            let mut batch = batch.into_iter();
            while let Some(payload) = batch.next() {
                if let ControlFlow::Break(ended) = self.one(payload).await {
                    self.left = batch.len() as u64 + 1;
                    return ended;
                }
            }
            self.progress.show();
        }
    }

    async fn one(&mut self, payload: Bytes) -> ControlFlow<Ended> {
        let bytes = payload.len();
        let mut message = Outbound::new(payload);
        if let Some(peer) = self.to {
            message = message.to(peer.clone());
        }
        let mut sent = pin!(self.socket.send_message(message));
        // Most can be sent at once, and need no timer.
        let result = match sent.as_mut().now_or_never() {
            Some(result) => result,
            None => {
                let stalled = after(self.stall);
                self.progress.show();
                tokio::select! {
                    biased;
                    stopped = self.stop.asked() => return ControlFlow::Break(Ended::Stopped(stopped)),
                    result = sent => result,
                    () = stalled => return ControlFlow::Break(Ended::Failed(self.stuck())),
                }
            }
        };
        match result {
            Ok(()) => {
                self.progress.add(bytes);
                ControlFlow::Continue(())
            }
            // None is larger than the socket allows, so this is not about one of them.
            Err(error) => ControlFlow::Break(Ended::Failed(error.into())),
        }
    }

    fn stuck(&self) -> Failure {
        let time = humantime::format_duration(self.stall.unwrap_or_default());
        match self.socket.peers().is_empty() {
            true => Failure::nobody(format!("all peers have gone, and none came back in {time}")),
            false => Failure::failed(format!(
                "the peers have taken nothing for {time}; see what they do, or raise --timeout"
            )),
        }
    }
}
