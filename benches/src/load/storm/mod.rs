//! Many peers that lose their connections at once, and connect again.

mod peers;
mod station;

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::{start, told};
use crate::process::{Child, readable, usage};

pub(crate) use peers::Peers;
pub(crate) use station::Station;

/// How long all are connected before they lose their connections: long enough that these
/// count as good, so that the next delay is the first one.
const CALM: Duration = Duration::from_secs(3);

/// Measures how `count` peers connect again, `storms` times, and prints what it finds.
pub(crate) async fn run(count: usize, storms: usize, raw: bool) {
    let measuring = spawn_blocking(move || {
        let station = Running::start("127.0.0.1:0", count, raw);
        let address = station.address.clone();
        let kind = if raw { "raw-peers" } else { "peers" };
        let peers = start(["storm", kind, &address, &count.to_string()]);
        (station, peers)
    });
    let (mut station, peers) = measuring.await.expect("both start");
    let mut begun = Instant::now();
    let mut before = Duration::ZERO;
    for storm in 0..=storms {
        station = spawn_blocking(move || station.up())
            .await
            .expect("all connect");
        let took = begun.elapsed();
        let (there, here) = (usage(station.child.id()), usage(peers.id()));
        let what = match storm {
            0 => "connected".to_owned(),
            _ => format!("storm {storm}: connected again"),
        };
        println!(
            "{count} {what} in {took:.2?}; processor time {:.2?} + {:.2?}; resident {} + {} \
             (socket + peers)",
            there.cpu,
            here.cpu - before,
            readable(there.resident),
            readable(here.resident),
        );
        if storm == storms {
            return;
        }
        sleep(CALM).await;
        before = usage(peers.id()).cpu;
        begun = Instant::now();
        let again = move || {
            let address = station.address.clone();
            // All its connections end with the process.
            drop(station);
            Running::start(&address, count, raw)
        };
        station = spawn_blocking(again).await.expect("it starts again");
    }
}

/// The process that all peers connect to.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(address: &str, count: usize, raw: bool) -> Self {
        let kind = if raw { "raw-station" } else { "station" };
        let mut child = start(["storm", kind, address, &count.to_string()]);
        let address = told(&mut child, "bound");
        Self { child, address }
    }

    /// Waits until all are connected.
    fn up(mut self) -> Self {
        told(&mut self.child, "up");
        self
    }
}

/// A role of a storm.
#[derive(clap::Subcommand)]
pub(crate) enum Storm {
    /// A socket that all peers connect to.
    Station(Station),
    /// The same without a socket.
    RawStation(Station),
    /// Sockets that connect to it.
    Peers(Peers),
    /// The same without sockets.
    RawPeers(Peers),
}

impl Storm {
    pub(crate) async fn run(self) {
        match self {
            Self::Station(station) => station.run().await,
            Self::RawStation(station) => station.run_raw().await,
            Self::Peers(peers) => peers.run().await,
            Self::RawPeers(peers) => peers.run_raw().await,
        }
    }
}
