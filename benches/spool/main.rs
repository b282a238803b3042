//! What a spool costs, beside a raw loop of its store: `cargo bench -p aiomsg-bench --bench
//! spool -- commit`, `proxy` or `open`.
//!
//! `proxy` runs the command, which is to be built first: `cargo build --release -p
//! aiomsg-cli`.

mod commit;
mod open;
mod proxy;
mod raw;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The payload of a message, in bytes.
const SIZE: usize = 64;

/// Measures a spool.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// What cargo adds.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The rate of callers that wait until their message survives a power cut, and that of a
    /// raw loop that commits as many at once.
    Commit {
        #[arg(long, default_value_t = 64)]
        callers: usize,
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// The rate of messages from a producer through a spooled proxy to a consumer.
    Proxy {
        /// The command [default: the one that was built for this]
        #[arg(long)]
        command: Option<PathBuf>,
        #[arg(long, default_value = "os")]
        sync: String,
        #[arg(long, default_value_t = 1_000_000)]
        messages: u64,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// The time and the memory that opening a store with waiting messages takes.
    Open {
        #[arg(long, default_value_t = 10_000_000)]
        messages: u64,
    },
    /// Opens the store in a folder, in a process of its own.
    #[command(hide = true)]
    Opened { folder: PathBuf },
}

fn main() -> ExitCode {
    let done = match Args::parse().what {
        None => {
            println!("nothing was asked for: commit, proxy or open");
            Ok(())
        }
        Some(What::Commit {
            callers,
            seconds,
            rounds,
        }) => commit::run(callers, seconds, rounds),
        Some(What::Proxy {
            command,
            sync,
            messages,
            rounds,
        }) => proxy::run(command, &sync, messages, rounds),
        Some(What::Open { messages }) => open::run(messages),
        Some(What::Opened { folder }) => open::opened(folder),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The least, the median and the greatest.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => [0.0; 3],
        count => [values[0], values[count / 2], values[count - 1]],
    }
}
