//! Measures aiomsg: how fast it is beside a raw loop over TCP, and what load it
//! bears.
//!
//! ```text
//! cargo run --release -p aiomsg-bench             # messages a second
//! cargo run --release -p aiomsg-bench -- help     # the other measurements
//! ```

mod load;
mod process;
mod rates;

use std::time::Duration;

use clap::{Parser, Subcommand};

/// Measures aiomsg over loopback TCP.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Messages a second from one socket to another, beside a raw TCP loop.
    Rates {
        /// How long each measurement takes, in seconds.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
    },
    /// Many connections on one socket: the time to connect them, memory for
    /// each, processor time while they are idle, a publish to all of them.
    Connections {
        #[arg(long, default_value_t = 10_000)]
        count: usize,
        /// How long they are idle, in seconds.
        #[arg(long, default_value_t = 30)]
        idle: u64,
    },
    /// Much data through a proxy whose consumer is slow, and the memory of the
    /// proxy meanwhile.
    SlowConsumer {
        /// How much, in MiB.
        #[arg(long, default_value_t = 1024)]
        mebibytes: u64,
        /// How much the consumer takes a second, in MiB.
        #[arg(long, default_value_t = 50)]
        rate: u64,
    },
    /// Half of the possible load through a proxy, at-least-once, for a long
    /// time, and the memory of all three processes meanwhile.
    Soak {
        #[arg(long, default_value_t = 60)]
        minutes: u64,
    },
    /// Roles that the measurements above start as processes.
    #[command(hide = true, subcommand)]
    Role(load::Role),
}

fn main() {
    match Args::parse().what {
        None => rates::run(Duration::from_secs(2)),
        Some(What::Rates { seconds }) => rates::run(Duration::from_secs_f64(seconds)),
        Some(What::Connections { count, idle }) => {
            block_on(load::connections::run(count, Duration::from_secs(idle)));
        }
        Some(What::SlowConsumer { mebibytes, rate }) => {
            block_on(load::slow_consumer::run(mebibytes << 20, rate << 20));
        }
        Some(What::Soak { minutes }) => {
            block_on(load::soak::run(Duration::from_secs(minutes * 60)));
        }
        Some(What::Role(role)) => block_on(role.run()),
    }
}

/// Runs a future on a runtime of its own, with one thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built")
        .block_on(future)
}
