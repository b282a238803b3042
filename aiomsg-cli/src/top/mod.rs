//! `aiomsg top`: a proxy, live, in the terminal.

mod line;
mod screen;
mod view;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;

use crate::common::failure::{Failure, Outcome};
use crate::common::said::said;
use crate::common::say;
use crate::common::stop::Stop;
use crate::common::stopped::Stopped;
use crate::common::text::Time;
use crate::http::client;
use crate::http::url::{self, Url};
use crate::proxy::status::Status;

/// Shows a proxy live: throughput, peers, queues and drops
///
/// On a terminal it fills the screen, until q or Ctrl-C: s sorts the peers by another
/// column, r reverses the order, and / finds peers by a part of their identity or address.
/// In a pipe it prints a line each time.
///
/// Exit codes: 0 done, or ended by a signal; 1 the other end is not a proxy of this
/// version; 2 the command line is wrong; 3 nothing listens there; 130 and 143 ended
/// by SIGINT and SIGTERM with --once.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// The --dashboard address of the proxy; without a host (9000 or :9000) it is
    /// loopback. Or the URL of the dashboard behind a reverse proxy, such as
    /// http://example.com/some/prefix/.
    #[arg(value_name = "ADDRESS", value_parser = url::parse)]
    address: Url,
    /// Prints one line, and ends.
    #[arg(long)]
    once: bool,
    /// Prints everything, as a JSON object on a line.
    #[arg(long)]
    json: bool,
    /// The time between updates.
    #[arg(long, value_name = "TIME", default_value = "1s")]
    interval: Time,
}

impl TopArgs {
    /// The outcome when a signal ends it, which is its usual end.
    fn stopped(&self, stopped: Stopped) -> Outcome {
        match self.once {
            true => Err(Failure::stopped(
                stopped,
                "stopped before there was an answer",
            )),
            false => Ok(()),
        }
    }
}

pub(crate) async fn run(args: TopArgs, stop: &mut Stop) -> Outcome {
    if args.interval.0 < Duration::from_millis(100) {
        return Err(Failure::usage(
            "the interval is below 100ms, which is more than there is to see",
        ));
    }
    // An error about the address is shown before the screen is taken.
    let first = match stop.unless_asked(look(&args.address, STATUS)).await {
        Ok(first) => first?,
        Err(stopped) => return args.stopped(stopped),
    };
    if args.once || args.json || !std::io::stdout().is_terminal() {
        return match stop.unless_asked(lines(&args, first)).await {
            Ok(outcome) => outcome,
            Err(stopped) => args.stopped(stopped),
        };
    }
    screen::run(&args.address, args.interval.0, first, stop).await
}

const STATUS: &str = "/api/status";

async fn look(address: &Url, path: &str) -> Outcome<Status> {
    let body = client::get(address, path).await?;
    serde_json::from_slice(&body).map_err(|error| {
        Failure::failed(format!(
            "{address}{path}: what is there is not of this version of aiomsg: {}",
            said(&error)
        ))
    })
}

async fn lines(args: &TopArgs, mut status: Status) -> Outcome {
    loop {
        let shown = match args.json {
            true => {
                let json = serde_json::to_string(&status);
                json.map_err(|error| Failure::because(&error))?
            }
            false => line::line(&status),
        };
        let shown = say::out(shown);
        // Nobody reads on.
        if args.once || shown.is_err() {
            return Ok(());
        }
        tokio::time::sleep(args.interval.0).await;
        status = look(&args.address, STATUS).await?;
    }
}
