//! `aiomsg spool`: looks into a store of messages, and mends it.
//!
//! Reading is done beside a process that writes the store. What changes it takes its lock.

mod export;
mod list;
mod mend;
mod open;
mod row;
mod show;
mod stats;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::common::failure::Outcome;
use crate::common::off_thread::off_thread;
use crate::common::stop::Stop;

/// Looks into a store of messages, and mends it
///
/// DIR is the folder of the store: the one of aiomsg proxy --spool, or of a program that
/// has a spool. ls, show, stats, export and verify only read, also while a process has the
/// store. requeue and purge change it, and are refused meanwhile.
///
/// Exit codes: 0 done; 1 failed, or done in part; 2 the command line is wrong, or DIR
/// is no store; 130 and 143 ended by SIGINT and SIGTERM.
#[derive(Debug, Args)]
pub(crate) struct SpoolArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Ls(list::LsArgs),
    Show(show::ShowArgs),
    Stats(stats::StatsArgs),
    Requeue(mend::RequeueArgs),
    Purge(mend::PurgeArgs),
    Export(export::ExportArgs),
    Verify(verify::VerifyArgs),
}

/// What every command has.
#[derive(Debug, Args)]
struct StoreArgs {
    /// The folder of the store.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Writes an object, or one on each line, to standard output.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: SpoolArgs, stop: &mut Stop) -> Outcome {
    match args.what {
        What::Ls(args) => reading(stop, move || list::run(&args)).await,
        What::Show(args) => reading(stop, move || show::run(&args)).await,
        What::Stats(args) => reading(stop, move || stats::run(&args)).await,
        What::Export(args) => reading(stop, move || export::run(&args)).await,
        What::Verify(args) => reading(stop, move || verify::run(&args)).await,
        What::Requeue(args) => mend::requeue(args, stop).await,
        What::Purge(args) => mend::purge(args, stop).await,
    }
}

/// What only reads may be left at any moment.
async fn reading(stop: &mut Stop, work: impl FnOnce() -> Outcome + Send + 'static) -> Outcome {
    stop.unless_asked_before("all was read", off_thread(work))
        .await
}
