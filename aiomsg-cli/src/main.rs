//! The `aiomsg` command: a proxy to deploy, and tools for sockets.
//!
//! ```text
//! aiomsg proxy --frontend tcp://0.0.0.0:25001 --backend tcp://0.0.0.0:25002
//! aiomsg --help
//! ```

#![forbid(unsafe_code)]

mod bench;
mod command_line;
mod common;
mod completions;
mod demo;
mod doctor;
mod echo;
mod http;
mod peers;
mod proxy;
mod publish;
mod recv;
mod reply;
mod request;
mod send;
mod short_help;
#[cfg(feature = "spool")]
mod spool;
mod subscribe;
#[cfg(feature = "top")]
mod top;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use common::failure::{Failure, Outcome};
use common::log::LogArgs;
use common::said::said;
#[cfg(unix)]
use common::signals;
use common::stop::Stop;

/// Smart message sockets on the command line: a proxy to deploy, and tools for
/// sockets.
///
/// Exit codes: 0 done; 1 failed, or done in part; 2 the command line or a file
/// that it names is wrong; 3 no peer connected in time.
#[derive(Debug, Parser)]
#[command(
    name = "aiomsg",
    version,
    propagate_version = true,
    max_term_width = 80
)]
struct Command {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    Send(send::SendArgs),
    Recv(recv::RecvArgs),
    Request(request::RequestArgs),
    Reply(reply::ReplyArgs),
    Publish(publish::PublishArgs),
    Subscribe(subscribe::SubscribeArgs),
    Echo(echo::EchoArgs),
    Doctor(doctor::DoctorArgs),
    Peers(peers::PeersArgs),
    Demo(demo::DemoArgs),
    Bench(bench::BenchArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
    Proxy(Box<proxy::ProxyArgs>),
    #[cfg(feature = "spool")]
    Spool(spool::SpoolArgs),
    #[cfg(feature = "top")]
    Top(top::TopArgs),
}

#[cfg(unix)]
impl What {
    /// Restores the default action of signals that the command does not handle.
    fn release_signals(&self) {
        match self {
            Self::Proxy(_) => {}
            #[cfg(feature = "top")]
            Self::Top(_) => signals::release_all_but(&[nix::sys::signal::Signal::SIGHUP]),
            // These only write.
            Self::Completions(_) | Self::Man(_) => signals::release(),
            _ => signals::release_all_but(&[]),
        }
    }
}

fn main() -> ExitCode {
    // A service manager may end a command, or reload a proxy, as soon as it runs.
    #[cfg(unix)]
    signals::hold();
    let command: Command = match command_line::parse(short_help::shorten) {
        Ok(command) => command,
        Err(code) => return code,
    };
    #[cfg(unix)]
    command.what.release_signals();
    command.log.init();
    match run(command.what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(what: What) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::failed(format!("the runtime does not start: {}", said(&error)))
        })?;
    let outcome = runtime.block_on(async {
        match what {
            What::Send(args) => send::run(args, &mut Stop::new()?).await,
            What::Recv(args) => recv::run(args, &mut Stop::new()?).await,
            What::Request(args) => request::run(args, &mut Stop::new()?).await,
            What::Reply(args) => reply::run(args, &mut Stop::new()?).await,
            What::Publish(args) => publish::run(args, &mut Stop::new()?).await,
            What::Subscribe(args) => subscribe::run(args, &mut Stop::new()?).await,
            What::Echo(args) => echo::run(args, &mut Stop::new()?).await,
            What::Doctor(args) => doctor::run(args, &mut Stop::new()?).await,
            What::Peers(args) => peers::run(args, &mut Stop::new()?).await,
            What::Demo(args) => demo::run(args, &mut Stop::new()?).await,
            What::Proxy(args) => proxy::run(*args).await,
            #[cfg(feature = "spool")]
            What::Spool(args) => spool::run(args, &mut Stop::new()?).await,
            #[cfg(feature = "top")]
            What::Top(args) => top::run(args, &mut Stop::with_hangup()?).await,
            What::Bench(args) => bench::run(args, &mut Stop::new()?).await,
            What::Completions(args) => completions::completions(&args, Command::command()),
            What::Man(args) => completions::man(&args, Command::command()),
        }
    });
    // Waits neither for a write to a full pipe, nor for a name lookup.
    runtime.shutdown_background();
    outcome
}
