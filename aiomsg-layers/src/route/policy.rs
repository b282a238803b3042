use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll};

use aiomsg_core::outbound::offer_each;
use aiomsg_core::{Error, Identity, Outbound};

use super::{PeerSet, Publish, RoundRobin};
use crate::queue::Peer;

/// Who gets a message that is not addressed.
///
/// A policy never waits: [`poll_ready`](Policy::poll_ready) says whether
/// [`place`](Policy::place) will work, and both look at the same set of peers,
/// with nothing in between.
///
/// # Panics
///
/// In a socket, and within [`Guarded`](super::Guarded), a policy that panics as it
/// places a message costs this message: it comes back to its sender with an error
/// ([`Error::is_layer`]), or is given up
/// ([`PolicyFailed`](aiomsg_core::DropReason::PolicyFailed)) if it was accepted
/// before. Elsewhere it panics in whoever polls the router.
pub trait Policy<P: Peer> {
    /// Ready when one more message can be placed. There is at least one peer.
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()>;

    /// Places a message.
    ///
    /// # Errors
    ///
    /// [`Refused`] hands it back.
    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused>;

    /// Places a message if that can be done at once: what `poll_ready` and
    /// `place` do, in one step. Says whether the message was taken; if not,
    /// nothing has changed, and nobody is woken when it can be done later.
    fn try_place(&mut self, peers: &mut PeerSet<P>, message: &mut Option<Outbound>) -> bool {
        let _ = (peers, message);
        false
    }

    /// Places up to `most` messages from the front of these, as far as that can be
    /// done at once: what [`try_place`](Policy::try_place) does for one. What is
    /// left could not be placed.
    fn try_place_all(
        &mut self,
        peers: &mut PeerSet<P>,
        messages: &mut VecDeque<Outbound>,
        most: usize,
    ) {
        offer_each(messages, most, |message| self.try_place(peers, message));
    }

    /// The positions of the peers without room that would get this message:
    /// asked when the policy is not ready, and the message is not to wait. When
    /// there is room at these, it can be placed. `None`: it waits all the same.
    fn overfull(&mut self, peers: &mut PeerSet<P>, message: &Outbound) -> Option<Vec<usize>> {
        let _ = (peers, message);
        None
    }

    /// Why the last message was refused that came back without a position, if
    /// that was not for want of a peer that wants it. Asked once, after that.
    fn failure(&mut self) -> Option<Error> {
        None
    }

    /// Room of a peer was used for something else than what the policy places.
    fn room_used(&mut self, identity: &Identity) {
        let _ = identity;
    }

    /// A peer has come. It is in the set already.
    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        let _ = (identity, peer);
    }

    /// A peer has gone, and is no longer in the set.
    fn peer_went(&mut self, identity: &Identity) {
        let _ = identity;
    }

    /// Whether a message may go to several peers. Then it has no one
    /// acknowledgement, and at-least-once is not for it.
    fn copies(&self) -> bool {
        false
    }
}

/// A message that could not be placed.
#[derive(Debug)]
pub struct Refused {
    /// The message.
    pub message: Outbound,
    /// The position of a peer whose connection has ended: the router takes it
    /// out, and asks again, beginning with `poll_ready`. `None`: no peer wants the
    /// message, and the router gives it up, or the policy
    /// [failed](Policy::failure) on it.
    pub position: Option<usize>,
}

impl<P: Peer, Q: Policy<P> + ?Sized> Policy<P> for Box<Q> {
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_ready(peers, cx)
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        (**self).place(peers, message)
    }

    fn try_place(&mut self, peers: &mut PeerSet<P>, message: &mut Option<Outbound>) -> bool {
        (**self).try_place(peers, message)
    }

    fn try_place_all(
        &mut self,
        peers: &mut PeerSet<P>,
        messages: &mut VecDeque<Outbound>,
        most: usize,
    ) {
        (**self).try_place_all(peers, messages, most);
    }

    fn overfull(&mut self, peers: &mut PeerSet<P>, message: &Outbound) -> Option<Vec<usize>> {
        (**self).overfull(peers, message)
    }

    fn failure(&mut self) -> Option<Error> {
        (**self).failure()
    }

    fn room_used(&mut self, identity: &Identity) {
        (**self).room_used(identity);
    }

    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        (**self).peer_came(identity, peer);
    }

    fn peer_went(&mut self, identity: &Identity) {
        (**self).peer_went(identity);
    }

    fn copies(&self) -> bool {
        (**self).copies()
    }
}

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

impl<P: Peer> Policy<P> for AnyPolicy<P> {
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::RoundRobin(policy) => policy.poll_ready(peers, cx),
            Self::Publish(policy) => policy.poll_ready(peers, cx),
            Self::Other(policy) => policy.poll_ready(peers, cx),
        }
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        match self {
            Self::RoundRobin(policy) => policy.place(peers, message),
            Self::Publish(policy) => policy.place(peers, message),
            Self::Other(policy) => policy.place(peers, message),
        }
    }

    fn try_place(&mut self, peers: &mut PeerSet<P>, message: &mut Option<Outbound>) -> bool {
        match self {
            Self::RoundRobin(policy) => policy.try_place(peers, message),
            Self::Publish(policy) => policy.try_place(peers, message),
            Self::Other(policy) => policy.try_place(peers, message),
        }
    }

    fn try_place_all(
        &mut self,
        peers: &mut PeerSet<P>,
        messages: &mut VecDeque<Outbound>,
        most: usize,
    ) {
        match self {
            Self::RoundRobin(policy) => policy.try_place_all(peers, messages, most),
            Self::Publish(policy) => policy.try_place_all(peers, messages, most),
            Self::Other(policy) => policy.try_place_all(peers, messages, most),
        }
    }

    fn overfull(&mut self, peers: &mut PeerSet<P>, message: &Outbound) -> Option<Vec<usize>> {
        match self {
            Self::RoundRobin(policy) => policy.overfull(peers, message),
            Self::Publish(policy) => policy.overfull(peers, message),
            Self::Other(policy) => policy.overfull(peers, message),
        }
    }

    fn failure(&mut self) -> Option<Error> {
        match self {
            Self::Other(policy) => policy.failure(),
            _ => None,
        }
    }

    fn room_used(&mut self, identity: &Identity) {
        match self {
            Self::RoundRobin(_) => {}
            Self::Publish(policy) => Policy::<P>::room_used(policy, identity),
            Self::Other(policy) => policy.room_used(identity),
        }
    }

    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        match self {
            Self::RoundRobin(_) => {}
            Self::Publish(policy) => policy.peer_came(identity, peer),
            Self::Other(policy) => policy.peer_came(identity, peer),
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
