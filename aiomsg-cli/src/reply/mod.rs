//! `aiomsg reply`: a command that is run for each request.

mod job;
mod program;
mod tally;

use std::ffi::OsString;
use std::future::IntoFuture;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::time::Duration;

use aiomsg::layer::ReplyLayer;
use aiomsg::message::Headers;
use aiomsg::{Delivery, Limits, Socket};
use clap::Args;
use tokio::sync::oneshot;
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::common::answering::{PATIENCE, answering};
use crate::common::failure::{Failure, Outcome};
use crate::common::print;
use crate::common::say::say;
use crate::common::socket::SocketArgs;
use crate::common::stop::Stop;
use crate::common::stopped::Stopped;
use crate::common::value::{duration, size};
use job::{Job, MOST_OUTPUT};
use program::Program;
use tally::Tally;

/// Runs a command for each request, and sends back its output
///
/// The command gets the request on its standard input, and its standard output is the
/// reply, unchanged. A header of the request is a variable of its environment: that of
/// trace-id is AIOMSG_HEADER_TRACE_ID. Its standard error is that of aiomsg reply. Requests come from
/// aiomsg request, and from sockets with a layer of requests; with --connect also
/// through a proxy.
///
/// When the command fails, writes more than --max-output, or runs longer than
/// --time-limit, that is reported on standard error, and sent to the other end as an
/// error. Python and the 2019 dialect have no errors: there the other end waits until its
/// time is up. A request that asks for an acknowledgement gets none then, and
/// may come again.
///
/// Ends by a signal: started commands finish, and their replies are sent. A second
/// signal ends the commands.
///
/// Exit codes: 0 ended by a signal; 1 failed; 2 the command line or a file is wrong;
/// 130 and 143 a second SIGINT or SIGTERM ended it before the started commands were
/// done. Commands that fail do not change the code.
#[derive(Debug, Args)]
#[command(override_usage = "aiomsg reply [OPTIONS] <-b|-c|--connect-all ENDPOINT> -- COMMAND...")]
pub(crate) struct ReplyArgs {
    #[command(flatten)]
    socket: SocketArgs,
    #[command(flatten)]
    run: RunArgs,
    /// Writes one object with the numbers to standard output at the end.
    #[arg(long)]
    json: bool,
}

/// The command to run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Command")]
struct RunArgs {
    /// The command and its arguments, behind --.
    #[arg(
        last = true,
        value_name = "COMMAND",
        required_unless_present = "shell",
        conflicts_with = "shell"
    )]
    command: Vec<OsString>,
    /// Runs this text with the shell instead, such as 'wc -c | tr -d " "'.
    #[arg(long, value_name = "TEXT")]
    shell: Option<OsString>,
    /// The number of commands that run at once [default: the number of cores]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// The time that a command may run. It is then killed.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    time_limit: Duration,
    /// The most that a command may write to its standard output.
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = size)]
    max_output: usize,
}

/// The most that waits here, since the peers can wait as well.
const WAITING: Limits = Limits {
    items: 1024,
    bytes: 8 << 20,
};

impl RunArgs {
    fn job(&self) -> Outcome<Job> {
        if self.max_output > MOST_OUTPUT {
            return Err(Failure::usage(format!(
                "--max-output: {} is more than {MOST_OUTPUT}, the most that a reply has",
                self.max_output
            )));
        }
        let program = match &self.shell {
            Some(text) => Program::shell(text),
            None => Program::find(&self.command)?,
        };
        Ok(Job {
            program,
            time_limit: self.time_limit,
            max_output: self.max_output,
            headers: Headers::new(),
        })
    }

    fn jobs(&self) -> usize {
        let cores = std::thread::available_parallelism().ok();
        self.jobs.or(cores).map_or(1, NonZeroUsize::get)
    }
}

pub(crate) async fn run(args: ReplyArgs, stop: &mut Stop) -> Outcome {
    let job = args.run.job()?;
    let tally = Tally::default();
    let builder = match stop.unless_asked(args.socket.builder()).await {
        Ok(builder) => builder?,
        Err(_) => return tell(&args, &tally),
    };
    let socket = answering(builder, WAITING).build()?;
    match stop.unless_asked(args.socket.start(&socket)).await {
        Ok(started) => drop(started?),
        Err(_) => return tell(&args, &tally),
    }
    let served = serve(&socket, job, args.run.jobs(), &tally, stop).await;
    // The replies that wait for their peers.
    let _ = stop.unless_asked(socket.close(PATIENCE)).await;
    tally.unsent(socket.stats().dropped_messages);
    served.and(tell(&args, &tally))
}

/// Replies until a signal, and to what had begun by then.
async fn serve(socket: &Socket, job: Job, jobs: usize, tally: &Tally, stop: &mut Stop) -> Outcome {
    let (begun, noted) = (tally.clone(), tally.clone());
    let service = ServiceBuilder::new()
        .map_result(move |reply| noted.note(reply))
        .service(service_fn(move |request: Delivery| {
            begun.begin();
            let headers = request.headers().clone();
            // A job is always ready.
            ReplyLayer::new()
                .layer(Job {
                    headers,
                    ..job.clone()
                })
                .call(request)
        }));
    let (end, ended) = oneshot::channel::<()>();
    let serving = socket
        .serve(service)
        .concurrency(jobs)
        .with_graceful_shutdown(async {
            let _ = ended.await;
        });
    let mut serving = pin!(async {
        tokio::select! {
            served = serving.into_future() => served,
            never = tally.report() => match never {},
        }
    });
    tokio::select! {
        biased;
        _ = stop.asked() => {}
        served = &mut serving => return Ok(served?),
    }
    drop(end);
    tokio::select! {
        biased;
        served = &mut serving => Ok(served?),
        stopped = stop.asked() => Err(cut_off(stopped)),
    }
}

fn cut_off(stopped: Stopped) -> Failure {
    Failure::stopped(stopped, "stopped before the started commands were done")
}

fn tell(args: &ReplyArgs, tally: &Tally) -> Outcome {
    tally.report_rest();
    let counts = tally.counts();
    match args.json {
        true => print::print_line(&counts),
        false => {
            say(counts);
            Ok(())
        }
    }
}
