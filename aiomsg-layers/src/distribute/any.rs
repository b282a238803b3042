use std::fmt;
use std::task::{Context, Poll};

use aiomsg_core::{Identity, Outbound};

use super::{PeerSet, Pick, Policy, Publish, RoundRobin};

/// A policy that is chosen at run time.
#[non_exhaustive]
pub enum AnyPolicy<P> {
    /// One peer after the other.
    RoundRobin(RoundRobin),
    /// All of them.
    Publish(Publish),
    /// Another one.
    Other(Box<dyn Policy<P> + Send>),
}

impl<P> Policy<P> for AnyPolicy<P> {
    #[inline]
    fn pick(&mut self, peers: &PeerSet<P>, message: &Outbound) -> Pick<'_> {
        match self {
            Self::RoundRobin(policy) => policy.pick(peers, message),
            Self::Publish(policy) => policy.pick(peers, message),
            Self::Other(policy) => policy.pick(peers, message),
        }
    }

    #[inline]
    fn poll_ready(&mut self, peers: &PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::RoundRobin(policy) => policy.poll_ready(peers, cx),
            Self::Publish(policy) => policy.poll_ready(peers, cx),
            Self::Other(policy) => policy.poll_ready(peers, cx),
        }
    }

    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        if let Self::Other(policy) = self {
            policy.peer_came(identity, peer);
        }
    }

    fn peer_went(&mut self, identity: &Identity) {
        if let Self::Other(policy) = self {
            policy.peer_went(identity);
        }
    }

    fn copies(&self) -> bool {
        match self {
            Self::RoundRobin(_) => false,
            Self::Publish(_) => true,
            Self::Other(policy) => policy.copies(),
        }
    }
}

impl<P> fmt::Debug for AnyPolicy<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoundRobin(_) => "RoundRobin",
            Self::Publish(_) => "Publish",
            Self::Other(_) => "Other",
        })
    }
}
