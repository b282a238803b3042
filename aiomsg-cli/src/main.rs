//! The `aiomsg` command: a proxy to deploy, and tools to look with.
//!
//! ```text
//! aiomsg proxy --frontend tcp://0.0.0.0:25001 --backend tcp://0.0.0.0:25002
//! aiomsg --help
//! ```

#![forbid(unsafe_code)]

mod common;
mod http;
mod proxy;
mod top;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use common::failure::{Failure, Outcome};
use common::log::LogArgs;

/// Smart message sockets on the command line: a proxy to deploy, and tools to
/// look with.
///
/// Exit codes: 0 done; 1 failed, or not all was done; 2 the command line or a
/// file that it names is wrong; 3 nobody was there in time.
#[derive(Debug, Parser)]
#[command(name = "aiomsg", version, propagate_version = true)]
struct Command {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    Proxy(Box<proxy::ProxyArgs>),
    Top(top::TopArgs),
}

fn main() -> ExitCode {
    let command = Command::parse();
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
        .map_err(|error| Failure::failed(format!("the runtime does not start: {error}")))?;
    let done = runtime.block_on(async {
        match what {
            What::Proxy(args) => proxy::run(*args).await,
            What::Top(args) => top::run(args).await,
        }
    });
    // A name that is being looked up would have to be waited for otherwise.
    runtime.shutdown_background();
    done
}
