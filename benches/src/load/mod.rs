//! What load a socket bears, and what that costs. Each role is a process, so
//! that the memory of one is told from that of the others.

pub(crate) mod connections;
mod crowd;
mod pace;
mod pipeline;
mod sequence;
pub(crate) mod slow_consumer;
pub(crate) mod soak;

use clap::Subcommand;

/// What a child process does.
#[derive(Subcommand)]
pub(crate) enum Role {
    /// Many peers of one socket.
    Crowd { address: String, count: usize },
    /// Sends numbered messages to a proxy.
    Sender(pipeline::Sender),
    /// Hands messages on.
    Proxy(pipeline::Proxy),
}

impl Role {
    pub(crate) async fn run(self) {
        match self {
            Self::Crowd { address, count } => crowd::run(&address, count).await,
            Self::Sender(sender) => sender.run().await,
            Self::Proxy(proxy) => proxy.run().await,
        }
    }
}
