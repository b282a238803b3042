//! `aiomsg recv`: writes received messages to standard output or into a file.

mod output;

use crate::common::say::say;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use aiomsg::layer::BoxError;
use aiomsg::layer::DedupLayer;
use aiomsg::{AckMode, Delivery, Events, Limits, Socket, SocketBuilder};
use clap::Args;
use futures::FutureExt;
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::common::failure::{Failure, Outcome};
use crate::common::progress::Progress;
use crate::common::said::said;
use crate::common::socket::SocketArgs;
use crate::common::stop::Stop;
use crate::common::stopped::Stopped;
use crate::common::wait::{PEERS, WaitArgs, after};

use output::Line;
#[cfg(feature = "spool")]
pub(crate) use output::escaped;
pub(crate) use output::{Content, Format, Output};

/// Receives messages, and writes them to standard output
///
/// Each message is a line. Newlines and other bytes in a message are written
/// unchanged; on a terminal, unprintable ones as \xNN. --length-prefixed and
/// --json keep the bounds of messages.
///
/// A message is acknowledged when it is written. One that arrives again under the
/// same id, as --at-least-once may send it, is written once.
///
/// Exit codes: 0 done, or ended by a signal without --count and --until-gone; 1
/// failed, or done in part; 2 the command line or a file is wrong; 3 no peer
/// connected in time; 130 and 143 ended by SIGINT and SIGTERM before all messages
/// were received. Closing standard output ends it with code 0, or 1 with --count.
#[derive(Debug, Args)]
#[command(override_usage = "aiomsg recv [OPTIONS] <-b|-c|--connect-all ENDPOINT>")]
pub(crate) struct RecvArgs {
    #[command(flatten)]
    socket: SocketArgs,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Shows no progress.
    #[arg(long, short)]
    quiet: bool,
}

/// The output.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct OutputArgs {
    /// Ends after this many messages. Further ones that came along with the last,
    /// and ask for no acknowledgement, are lost.
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<NonZeroU64>,
    /// Ends when all peers have left.
    #[arg(long)]
    until_gone: bool,
    /// Writes to this file, which is overwritten when the peers have connected.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Writes the length of each message before it, in 4 bytes, big-endian.
    #[arg(long, group = "format")]
    length_prefixed: bool,
    /// Writes the bytes of all messages without separators.
    #[arg(long, group = "format")]
    raw: bool,
    /// Writes each message as an object on a line: time, from, size, id, headers,
    /// and text, or base64 if it is not UTF-8.
    #[arg(long, group = "format")]
    json: bool,
}

impl OutputArgs {
    /// Whether a signal has come where that is the end, and no failure.
    fn has_ended(&self, failure: &Failure) -> bool {
        failure.is_stop() && self.count.is_none() && !self.until_gone
    }

    fn format(&self) -> Format {
        match self {
            Self {
                length_prefixed: true,
                ..
            } => Format::LengthPrefixed,
            Self { raw: true, .. } => Format::Raw,
            Self { json: true, .. } => Format::Json,
            _ => Format::Lines,
        }
    }
}

/// The most that waits to be written: little, since the peers can wait as well.
const WAITING: Limits = Limits {
    items: 8192,
    bytes: 4 << 20,
};

/// How long peers are waited for at the end.
const CLOSING: Duration = Duration::from_secs(5);

/// So much is received without a look at anything else.
const TURN: usize = 256;

/// Why no more is received.
enum Ended {
    Count,
    Gone,
    Stalled,
    ReaderLeft,
    Stopped(Stopped),
    /// A signal came, and nobody took the output after it: there may be half a
    /// message in it.
    Stuck(Stopped),
    Failed(Failure),
}

pub(crate) async fn run(args: RecvArgs, stop: &mut Stop) -> Outcome {
    receive(args, |builder| builder, stop).await
}

/// Receives with the socket that `with` makes.
pub(crate) async fn receive(
    args: RecvArgs,
    with: impl FnOnce(SocketBuilder) -> SocketBuilder,
    stop: &mut Stop,
) -> Outcome {
    let wanted = args.output.count;
    let opened = async {
        let builder = args.socket.builder().await?;
        let format = args.output.format();
        let output = Output::open(args.output.output.as_deref(), format).await?;
        Ok((output, builder))
    };
    let opened = match stop.unless_asked_before(PEERS, opened).await {
        Err(failure) if args.output.has_ended(&failure) => return Ok(()),
        opened => opened?,
    };
    let ((mut output, is_screen), builder) = opened;
    let items = wanted.map_or(WAITING.items, |count| {
        WAITING.items.min(count.get() as usize)
    });
    let socket = with(builder)
        .ack_mode(AckMode::Handled)
        .receive_limits(Limits { items, ..WAITING })
        .build()?;
    let started = args.wait.start(&socket, &args.socket, None, stop).await;
    let mut events = match started {
        // Told to end before anybody came: it has received all that there was.
        Err(failure) if args.output.has_ended(&failure) && socket.stats().connections == 0 => {
            return output.replace().await;
        }
        started => started?,
    };
    output.replace().await?;

    let started = Instant::now();
    let mut receiving = Receiving {
        socket: &socket,
        output,
        once: DedupLayer::new().layer(service_fn(as_it_is)),
        unacknowledged: Vec::new(),
        progress: Progress::new("received", None, args.quiet || is_screen).without_lines(),
        left: wanted.map(NonZeroU64::get),
    };
    let until_gone = args.output.until_gone;
    let stall = args.wait.stall();
    let ended = receiving.all(&mut events, stop, stall, until_gone).await;
    let ended = receiving.finish(ended, stop).await;
    receiving.progress.finish();
    let received = receiving.progress.messages;
    if !args.quiet && !is_screen {
        let (time, bytes) = (started.elapsed().as_secs_f64(), receiving.progress.bytes);
        let size = bytesize::ByteSize::b(bytes).display().iec();
        say(format_args!(
            "received {received} messages, {size}, in {time:.2} s"
        ));
    }
    outcome(ended, received, wanted, &args)
}

fn outcome(ended: Ended, received: u64, wanted: Option<NonZeroU64>, args: &RecvArgs) -> Outcome {
    let short = |why: &str| match wanted {
        Some(wanted) => format!("{why} after {received} of {wanted} messages"),
        None => format!("{why} after {received} messages"),
    };
    match ended {
        Ended::Count => Ok(()),
        Ended::Failed(failure) => Err(failure),
        Ended::Stopped(_) if wanted.is_none() && !args.output.until_gone => Ok(()),
        Ended::Stopped(stopped) => Err(Failure::stopped(stopped, short("stopped"))),
        Ended::Stuck(stopped) => Err(Failure::stopped(
            stopped,
            short("stopped, and nobody reads the output,"),
        )),
        Ended::Gone | Ended::ReaderLeft if wanted.is_none() => Ok(()),
        Ended::Gone => Err(Failure::failed(short("all peers have gone"))),
        Ended::ReaderLeft => Err(Failure::failed(short("nobody reads the output any more"))),
        Ended::Stalled if wanted.is_none() && received > 0 => Ok(()),
        Ended::Stalled => Err(Failure::failed(short("nothing more came in time,"))),
    }
}

/// The caller does the work that is done once for each message.
async fn as_it_is(message: Delivery) -> Result<Delivery, BoxError> {
    Ok(message)
}

// ===== Receiving =====

struct Receiving<'a, D> {
    socket: &'a Socket,
    output: Output,
    /// Hands on a message that was not there before.
    once: D,
    /// Messages that are written, as far as that is known, and not acknowledged;
    /// their payloads are gone.
    unacknowledged: Vec<Delivery>,
    progress: Progress,
    /// How many more are wanted.
    left: Option<u64>,
}

impl<D> Receiving<'_, D>
where
    D: Service<Delivery, Response = Option<Delivery>, Error = BoxError>,
{
    async fn all(
        &mut self,
        events: &mut Events,
        stop: &mut Stop,
        stall: Option<Duration>,
        until_gone: bool,
    ) -> Ended {
        loop {
            for _ in 0..TURN {
                let Some(message) = self.socket.recv_message().now_or_never() else {
                    break;
                };
                if let Err(ended) = unless_stopped(stop, self.take(message)).await {
                    return ended;
                }
            }
            // Nothing is held back while there is nothing to do.
            if let Err(ended) = unless_stopped(stop, self.flush()).await {
                return ended;
            }
            self.progress.show();
            let taken = tokio::select! {
                biased;
                stopped = stop.asked() => return Ended::Stopped(stopped),
                () = self.output.closed() => return Ended::ReaderLeft,
                message = self.socket.recv_message() => {
                    unless_stopped(stop, self.take(message)).await
                }
                // Who has gone is known by the socket, whatever the event.
                _ = events.next(), if until_gone => match self.socket.peers().is_empty() {
                    true => Err(Ended::Gone),
                    false => Ok(()),
                },
                () = after(stall) => Err(Ended::Stalled),
            };
            if let Err(ended) = taken {
                return ended;
            }
        }
    }

    async fn take(&mut self, message: Result<Delivery, aiomsg::Error>) -> Result<(), Ended> {
        let message = message.map_err(|error| Ended::Failed(error.into()))?;
        let (from, id) = (message.from().clone(), message.id());
        let once = async { self.once.ready().await?.call(message).await };
        let new = once.await.map_err(|error| failed(&error))?;
        if let Some(message) = new {
            self.output
                .write(message.payload(), || Line::of(&message))
                .await
                .map_err(|error| output_failed(&error))?;
            self.progress.add(message.payload().len());
            self.left = self.left.map(|left| left - 1);
        }
        if let Some(id) = id {
            let written = Delivery::new(from, bytes::Bytes::new()).with_id(id);
            self.unacknowledged.push(written);
        }
        match self.left {
            Some(0) => Err(Ended::Count),
            _ if self.unacknowledged.len() >= TURN => self.flush().await,
            _ => Ok(()),
        }
    }

    /// Has everything written, and then acknowledges it.
    async fn flush(&mut self) -> Result<(), Ended> {
        self.output
            .flush()
            .await
            .map_err(|error| output_failed(&error))?;
        for message in self.unacknowledged.drain(..) {
            // A peer that is not there any more sends it again, and then it is
            // known.
            self.socket.acknowledge(&message);
        }
        Ok(())
    }

    /// Writes what had arrived, unless there is enough. What asks for an
    /// acknowledgement is left to its sender, which does not get one.
    async fn finish(&mut self, ended: Ended, stop: &mut Stop) -> Ended {
        if let Ended::Stuck(_) = ended {
            return ended;
        }
        let mut lost = 0;
        let rest = async {
            self.flush_unless(&ended).await?;
            self.socket.close(CLOSING).await;
            while let Ok(message) = self.socket.recv_message().await {
                match &ended {
                    _ if message.id().is_some() => {}
                    Ended::Gone | Ended::Stopped(_) => self.take(Ok(message)).await?,
                    _ => lost += 1,
                }
            }
            self.flush_unless(&ended).await
        };
        let rest = match ended {
            // The signal has come; there is not to be another wait without an end.
            Ended::Stopped(stopped) => {
                let rest = timeout(CLOSING * 2, unless_stopped(stop, rest)).await;
                rest.unwrap_or(Err(Ended::Stuck(stopped)))
            }
            _ => unless_stopped(stop, rest).await,
        };
        if lost > 0 {
            say(format_args!(
                "note: {lost} more messages had arrived, and are lost"
            ));
        }
        match rest {
            Ok(()) => ended,
            Err(ended) => ended,
        }
    }

    async fn flush_unless(&mut self, ended: &Ended) -> Result<(), Ended> {
        match ended {
            Ended::ReaderLeft | Ended::Failed(_) => Ok(()),
            _ => self.flush().await,
        }
    }
}

/// Runs work that may have to wait for the reader of the output. After a signal it has a
/// moment to be finished.
async fn unless_stopped(
    stop: &mut Stop,
    work: impl Future<Output = Result<(), Ended>>,
) -> Result<(), Ended> {
    let mut work = pin!(work);
    let stopped = tokio::select! {
        biased;
        done = &mut work => return done,
        stopped = stop.asked() => stopped,
    };
    tokio::select! {
        biased;
        done = &mut work => done.and(Err(Ended::Stopped(stopped))),
        _ = stop.asked() => Err(Ended::Stuck(stopped)),
        () = sleep(CLOSING) => Err(Ended::Stuck(stopped)),
    }
}

fn failed(error: &BoxError) -> Ended {
    Ended::Failed(Failure::because(&**error))
}

fn output_failed(error: &std::io::Error) -> Ended {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ended::ReaderLeft,
        _ => Ended::Failed(Failure::failed(format!(
            "the output cannot be written: {}",
            said(error)
        ))),
    }
}
