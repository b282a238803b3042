//! What load a socket bears, and what that costs. Each role is a process, so
//! that the memory of one is told from that of the others.

pub(crate) mod connections;
mod crowd;
pub(crate) mod hostile;
pub(crate) mod light_peer;
mod pace;
mod pipeline;
pub(crate) mod raw_connections;
mod sequence;
pub(crate) mod slow_consumer;
pub(crate) mod soak;
pub(crate) mod storm;

use std::time::Duration;

use clap::Subcommand;

use crate::process::Child;

/// How long a child may take to say what it has to.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Starts one of the roles below.
fn start<'a>(args: impl IntoIterator<Item = &'a str>) -> Child {
    let child = Child::start(["load-role"].into_iter().chain(args));
    child.expect("this program starts once more")
}

/// Waits for a line that begins with this word.
fn told(child: &mut Child, word: &str) -> String {
    let told = child.told(word, PATIENCE);
    told.unwrap_or_else(|gone| panic!("a child: {gone}"))
}

/// What a child process does.
#[derive(Subcommand)]
pub(crate) enum LoadRole {
    /// Many peers of one socket.
    Crowd { address: String, count: usize },
    /// Strangers that want to keep a socket busy.
    Attackers(hostile::Attackers),
    /// Peers that connect among them.
    GoodPeers(hostile::GoodPeers),
    /// Sends numbered messages to a proxy.
    Sender(pipeline::Sender),
    /// Hands messages on.
    Proxy(pipeline::Proxy),
    /// Peers that lose their connections, or whom they connect to.
    #[command(subcommand)]
    Storm(storm::Storm),
}

impl LoadRole {
    pub(crate) async fn run(self) {
        match self {
            Self::Crowd { address, count } => crowd::run(&address, count).await,
            Self::Attackers(attackers) => attackers.run().await,
            Self::GoodPeers(peers) => peers.run().await,
            Self::Sender(sender) => sender.run().await,
            Self::Proxy(proxy) => proxy.run().await,
            Self::Storm(storm) => storm.run().await,
        }
    }
}
