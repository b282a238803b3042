use std::task::{Context, Poll};

use aiomsg_core::Outbound;

use super::{PeerSet, Pick, Policy};

/// All peers, each with a copy. The copies share the payload.
///
/// It is ready when all peers have room.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Publish;

impl Publish {
    /// Publishes.
    pub fn new() -> Self {
        Self
    }
}

impl<P> Policy<P> for Publish {
    fn pick(&mut self, _: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
        Pick::All
    }

    fn poll_ready(&mut self, peers: &PeerSet<P>, _: &mut Context<'_>) -> Poll<()> {
        match peers.all_have_room() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    fn copies(&self) -> bool {
        true
    }
}
