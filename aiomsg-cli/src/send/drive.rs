//! The sending itself: from the input to the peers, and to the end.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::pin::pin;
use std::time::Duration;

use aiomsg::close::CloseReport;
use aiomsg::layer::SendService;
use aiomsg::message::Headers;
use aiomsg::{Identity, Outbound, Socket, SocketBuilder};
use bytes::Bytes;
use futures::FutureExt;
use tokio::time::{Instant, sleep, timeout};

use super::IN_FLIGHT;
use super::args::SendingArgs;
use super::cut::MAX;
use super::input::{Input, Read};
use super::refused::Refused;
use super::summary::Summary;
use crate::common::failure::{Failure, Outcome};
use crate::common::print;
use crate::common::progress::Progress;
use crate::common::say::say;
use crate::common::stop::Stop;
use crate::common::stopped::Stopped;
use crate::common::value::Patience;
use crate::common::wait::{PEERS, after, at, until};
use crate::publish::Labels;

/// A command that sends.
pub(crate) struct Plan<'a> {
    pub(crate) args: &'a SendingArgs,
    /// The one peer that gets all.
    pub(crate) to: Option<&'a Identity>,
    pub(crate) at_least_once: bool,
    /// The topics of a command that publishes by topic.
    pub(crate) labels: Option<&'a Labels>,
}

/// Why no more is sent.
enum Ended {
    AllRead,
    Stopped(Stopped),
    Failed(Failure),
}

impl Plan<'_> {
    /// Reads the input, and sends it through the socket that `with` makes.
    pub(crate) async fn run(
        &self,
        with: impl FnOnce(SocketBuilder) -> SocketBuilder,
        stop: &mut Stop,
    ) -> Outcome {
        let args = self.args;
        args.headers.headers()?;
        let (input, total) = args.input.open()?;
        let builder = stop.unless_asked_before(PEERS, args.socket.builder()).await;
        let builder = match builder {
            Err(failure) if args.input.has_ended(&failure) => {
                return args.tell(&Summary::default());
            }
            builder => builder?,
        };
        let builder = with(builder)
            .unacknowledged_limits(IN_FLIGHT)
            .buffer_limits(IN_FLIGHT);
        let progress = Progress::new("sent", total, args.quiet);
        match args.pace.rate {
            Some(rate) => {
                let socket = builder.layer(rate.layer()).build()?;
                self.drive(socket, input, progress, stop).await
            }
            None => self.drive(builder.build()?, input, progress, stop).await,
        }
    }

    async fn drive<S: SendService + Send>(
        &self,
        socket: Socket<S>,
        mut input: Input,
        mut progress: Progress,
        stop: &mut Stop,
    ) -> Outcome {
        let (args, to) = (self.args, self.to);
        let started = args.wait.start(&socket, &args.socket, to, stop).await;
        match started {
            Err(failure) if args.input.has_ended(&failure) => {
                return args.tell(&Summary::default());
            }
            started => drop(started?),
        }

        let headers = args.headers.headers()?;
        let started = Instant::now();
        let mut sending = Sending {
            socket: &socket,
            to,
            headers,
            stall: args.wait.stall(),
            stop: &mut *stop,
            progress: &mut progress,
            refused: Refused::default(),
            labels: self.labels,
            settled: self.labels.and_then(Labels::settled),
            left: 0,
        };
        let ended = sending.all(&mut input).await;
        let left = sending.left + input.end();
        let refused = sending.refused;
        let hint = matches!(ended, Ended::Stopped(_)) && !args.quiet;
        let report = tokio::select! {
            report = finish(&socket, args.pace.linger, stop) => report,
            never = hint_at_the_rest(hint) => match never {},
        };
        progress.finish();
        tell_left_out(socket.stats().headers_left_out);
        let time = started.elapsed();
        let mut summary = Summary::new(&progress, socket.stats(), report.as_ref().ok(), time);
        summary.refused = refused.count();
        if self.labels.is_some() {
            summary.count_unwanted(&socket.stats());
        }
        if !args.input.is_endless() {
            summary.left = left;
        }
        let outcome = match (ended, report) {
            (Ended::Failed(failure), _) => Err(failure.but(format_args!("sent were {summary}"))),
            // It has no end of its own: to be told to end is how it ends.
            (Ended::Stopped(_), Ok(_)) if args.input.is_endless() => {
                refused.outcome(&summary, self.at_least_once)
            }
            (Ended::Stopped(stopped), _) => Err(Failure::stopped(
                stopped,
                format!("stopped before all was read; sent were {summary}"),
            )),
            (Ended::AllRead, Err(stopped)) => Err(Failure::stopped(
                stopped,
                format!("stopped before all was sent; of {summary}"),
            )),
            (Ended::AllRead, Ok(_)) => refused.outcome(&summary, self.at_least_once),
        };
        // An error says it already, or says why there is nothing to sum up.
        match outcome {
            Ok(()) => args.tell(&summary),
            failed if args.json => failed.and(print::print_line(&summary)),
            failed => failed,
        }
    }
}

/// Says that peers got messages without their headers.
fn tell_left_out(messages: u64) {
    if messages > 0 {
        say(format_args!(
            "note: {messages} messages went without their headers, to peers of the 2019 dialect"
        ));
    }
}

/// Waits for messages under way, and closes the socket, unless a signal comes
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

/// Tells a user who has stopped it why it still waits.
async fn hint_at_the_rest(hint: bool) -> Infallible {
    if hint {
        sleep(Duration::from_millis(200)).await;
        say(
            "stopped; what is on its way has until --linger is over; another signal ends it at once",
        );
    }
    std::future::pending().await
}

/// The longest time of a timer.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

// ===== Sending =====

struct Sending<'a, S> {
    socket: &'a Socket<S>,
    to: Option<&'a Identity>,
    headers: Headers,
    stall: Option<Duration>,
    stop: &'a mut Stop,
    progress: &'a mut Progress,
    refused: Refused,
    labels: Option<&'a Labels>,
    /// Until then, a message without subscribers waits for them.
    settled: Option<Instant>,
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
                if let ControlFlow::Break(ended) = self.each(payload).await {
                    self.left = batch.len() as u64 + 1;
                    return ended;
                }
            }
            self.progress.show();
        }
    }

    /// Sends a message, or one with each topic before it.
    async fn each(&mut self, payload: Bytes) -> ControlFlow<Ended> {
        let Some(labels) = self.labels else {
            return self.one(payload).await;
        };
        for message in labels.before(&payload) {
            if message.len() > MAX {
                self.refused.add(Failure::failed(format!(
                    "a message has {} bytes with its topic, and a message has at most {MAX} \
                     (64 MiB)",
                    message.len()
                )));
                continue;
            }
            self.subscribed(labels, &message).await?;
            self.one(message).await?;
        }
        ControlFlow::Continue(())
    }

    /// Waits for the subscribers of a message, as long as they may still be coming.
    async fn subscribed(&mut self, labels: &Labels, message: &[u8]) -> ControlFlow<Ended> {
        if labels.are_there(message) {
            return ControlFlow::Continue(());
        }
        tokio::select! {
            biased;
            stopped = self.stop.asked() => ControlFlow::Break(Ended::Stopped(stopped)),
            () = until(|| labels.are_there(message)) => ControlFlow::Continue(()),
            () = at(self.settled) => ControlFlow::Continue(()),
            () = after(self.stall), if self.settled.is_none() => {
                ControlFlow::Break(Ended::Failed(labels.nobody(message, self.stall)))
            }
        }
    }

    async fn one(&mut self, payload: Bytes) -> ControlFlow<Ended> {
        let bytes = payload.len();
        let mut message = Outbound::new(payload).with_headers(self.headers.clone());
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
