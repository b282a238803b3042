//! `aiomsg request`: questions, and the replies to them.

mod asking;
mod tally;

use std::num::NonZeroUsize;
use std::time::Duration;

use aiomsg::layer::Requests;
use aiomsg::{Identity, Limits};
use clap::Args;
use tower::Layer;

use crate::common::failure::{Failure, Outcome};
use crate::common::headers::HeaderArgs;
use crate::common::identity;
use crate::common::socket::SocketArgs;
use crate::common::stop::Stop;
use crate::common::wait::{PEERS, WaitArgs};
use crate::recv::{Format, Output};
use crate::send::InputArgs;
use asking::Asking;
use tally::Tally;

/// Sends requests, and writes the replies to standard output
///
/// Each text, line of standard input or file is a request, and goes to one peer:
/// aiomsg reply, or a socket that answers requests. Each reply is a line, in the order
/// of the requests; one that ends with a newline gets no second one. A request without
/// a reply in time costs only itself: it is reported on standard error, and has no
/// line. It may have been handled all the same. With --length-prefixed, replies are
/// written like the requests; with --raw-replies, they are written as they are.
///
/// Exit codes: 0 each request was replied to; 1 some were not; 2 the command line or a
/// file is wrong; 3 no peer connected in time; 130 and 143 ended by SIGINT and SIGTERM
/// before all were replied to. --repeat forever ends by a signal, with code 0.
#[derive(Debug, Args)]
#[command(override_usage = "aiomsg request [OPTIONS] <-b|-c|--connect-all ENDPOINT> [TEXT]...",
          mut_arg("timeout", |arg| arg.help(TIMEOUT)))]
pub(crate) struct RequestArgs {
    #[command(flatten)]
    socket: SocketArgs,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    headers: HeaderArgs,
    /// Asks the peer with this identity, text or hex:…, and waits for it.
    #[arg(long, value_name = "IDENTITY", value_parser = identity::parse,
          help_heading = "Sending")]
    to: Option<Identity>,
    /// The number of requests that wait for their replies at once.
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Sending")]
    in_flight: NonZeroUsize,
    /// Writes the bytes of all replies without separators.
    #[arg(long, help_heading = "Output", conflicts_with = "json")]
    raw_replies: bool,
    /// Writes each reply as an object on a line: request (its number), seconds,
    /// size, and text, or base64 if it is not UTF-8.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

impl RequestArgs {
    fn format(&self) -> Format {
        match self {
            Self { json: true, .. } => Format::Json,
            Self {
                raw_replies: true, ..
            } => Format::Raw,
            // As the requests are read.
            _ if self.input.is_length_prefixed() => Format::LengthPrefixed,
            _ => Format::Lines,
        }
    }
}

const TIMEOUT: &str = "The time to wait for the first peers, and then for each reply, or forever \
                       [default: 10s for peers, if the socket only connects; 30s for a reply]";

/// What may wait here that is no reply.
const WAITING: Limits = Limits {
    items: 1024,
    bytes: 4 << 20,
};

/// How long peers have to close at the end: nothing more is expected of them.
const CLOSING: Duration = Duration::from_secs(1);

/// More than a timer runs: nobody waits as long.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

pub(crate) async fn run(args: RequestArgs, stop: &mut Stop) -> Outcome {
    let headers = args.headers.headers()?;
    let (mut input, _) = args.input.open()?;
    let endless = args.input.is_endless();
    let opened = async {
        let builder = args.socket.builder().await?;
        let (output, _) = Output::open(None, args.format()).await?;
        Ok((builder, output))
    };
    let opened = stop.unless_asked_before(PEERS, opened).await;
    let (builder, output) = match opened {
        Err(failure) if args.input.has_ended(&failure) => return Ok(()),
        opened => opened?,
    };
    let patience = args.wait.given().map(|time| time.unwrap_or(FOREVER));
    let patience = patience.unwrap_or(Requests::TIMEOUT);
    let requests = Requests::new().timeout(patience);
    let socket = builder
        .receive_layer(requests.answers())
        .receive_limits(WAITING)
        .build()?;
    let started = args
        .wait
        .start(&socket, &args.socket, args.to.as_ref(), stop);
    match started.await {
        Err(failure) if args.input.has_ended(&failure) => return Ok(()),
        started => drop(started?),
    }

    let service = requests.layer().layer(socket.clone());
    let service = service.with_headers(headers);
    let service = match &args.to {
        Some(peer) => service.to(peer.clone()),
        None => service,
    };
    let mut asking = Asking {
        socket: &socket,
        service,
        output,
        patience,
        in_flight: args.in_flight.get(),
        tally: Tally::default(),
    };
    let ended = asking.all(&mut input, stop).await;
    let left = input.end();
    let tally = asking.tally;
    // A second signal is for those who cannot wait for this.
    let _ = stop.unless_asked(socket.close(CLOSING)).await;
    tally.outcome(ended, endless, left)
}

/// The failure of a command whose output cannot be written.
fn unwritten(error: &std::io::Error) -> Failure {
    Failure::failed(format!(
        "standard output cannot be written: {}",
        crate::common::said::said(error)
    ))
}
