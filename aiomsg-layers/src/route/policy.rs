use std::task::{Context, Poll};

use aiomsg_core::Outbound;
use aiomsg_core::queue::Peer;

use super::{PeerSet, Publish, RoundRobin};

/// Who gets a message that is not addressed.
///
/// A policy never waits: [`poll_ready`](Policy::poll_ready) says whether
/// [`place`](Policy::place) will work, and both look at the same set of peers,
/// with nothing in between.
pub trait Policy<P: Peer> {
    /// Ready when one more message can be placed. There is at least one peer.
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()>;

    /// Places a message.
    ///
    /// # Errors
    ///
    /// [`Refused`] hands it back, with the position of a peer whose
    /// connection has ended; the router takes that one out and asks again.
    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused>;
}

/// A message that could not be placed, since a peer's connection has ended.
#[derive(Debug)]
pub struct Refused {
    /// The message.
    pub message: Outbound,
    /// The position of the peer.
    pub position: usize,
}

/// One of the standard policies, chosen at run time.
#[derive(Debug)]
#[non_exhaustive]
pub enum AnyPolicy {
    /// One peer after the other.
    RoundRobin(RoundRobin),
    /// All of them.
    Publish(Publish),
}

impl<P: Peer> Policy<P> for AnyPolicy {
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::RoundRobin(policy) => policy.poll_ready(peers, cx),
            Self::Publish(policy) => policy.poll_ready(peers, cx),
        }
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        match self {
            Self::RoundRobin(policy) => policy.place(peers, message),
            Self::Publish(policy) => policy.place(peers, message),
        }
    }
}
