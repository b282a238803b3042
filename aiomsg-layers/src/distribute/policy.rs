//! How to write a policy: [`Policy::pick`] picks the peers for a message.

use std::task::{Context, Poll};

use aiomsg_core::{Error, Identity, Outbound};

use super::PeerSet;

/// Picks the peers for a message for anyone.
///
/// A policy only picks. [`Distribute`](super::Distribute) pushes, wakes and makes the copies. So
/// a policy of your own is a function of the peers and the message. This one sends everything
/// to the peer with the smallest identity that has room:
///
/// ```
/// use aiomsg_core::Outbound;
/// use aiomsg_layers::distribute::{PeerSet, Pick, Policy};
///
/// struct Smallest;
///
/// impl<P> Policy<P> for Smallest {
///     fn pick(&mut self, peers: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
///         let with_room = (0..peers.len()).filter(|at| peers.has_room(*at));
///         match with_room.min_by_key(|at| peers.identity(*at)) {
///             Some(at) => Pick::One(at),
///             None => Pick::Full,
///         }
///     }
/// }
/// ```
///
/// # Panics
///
/// In a socket, and within [`Guarded`](super::Guarded), a policy that panics as it picks
/// costs this message. The message comes back to its sender with an error
/// ([`Error::is_layer`]), or is dropped
/// ([`PolicyFailed`](aiomsg_core::DropReason::PolicyFailed)) if it was accepted before.
/// Elsewhere the panic reaches the task that polls the service.
pub trait Policy<P> {
    /// Picks the peers for this message. There is at least one peer in the set.
    ///
    /// The positions are those of `peers`, from 0 to `peers.len() - 1`. For a message that
    /// is not placed now, this is called again.
    fn pick(&mut self, peers: &PeerSet<P>, message: &Outbound) -> Pick<'_>;

    /// Ready when any message can be placed. By default, that is when a peer has room. There is
    /// at least one peer in the set.
    ///
    /// The task is woken when a peer has room again. A policy that waits for something else
    /// registers the task there.
    fn poll_ready(&mut self, peers: &PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        match peers.any_has_room() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Called when a peer has come. It is in the set already.
    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        let _ = (identity, peer);
    }

    /// Called when a peer has gone. It is no longer in the set, and another one may have its
    /// position.
    fn peer_went(&mut self, identity: &Identity) {
        let _ = identity;
    }

    /// Whether a message may go to several peers. Then no single acknowledgement is its own, so
    /// the policy excludes at-least-once.
    fn copies(&self) -> bool {
        false
    }
}

/// The peers for a message.
#[derive(Debug)]
#[non_exhaustive]
pub enum Pick<'a> {
    /// The peer at this position. If it has no room, the [overflow rule](crate::Overflow)
    /// applies: by default the message waits for this peer.
    One(usize),
    /// All peers, each with a copy.
    All,
    /// The peers at these positions, each with a copy. No position may be there twice. If none
    /// of the peers takes the message, it counts as unwanted.
    These(&'a [usize]),
    /// No peer wants it: it is dropped ([`Unwanted`](aiomsg_core::DropReason::Unwanted)).
    Nobody,
    /// No suitable peer has room: the message waits, whatever the overflow rule is.
    Full,
    /// The policy has failed: the message goes back to its sender with this error.
    Failed(Error),
}

impl<P, Q: Policy<P> + ?Sized> Policy<P> for Box<Q> {
    fn pick(&mut self, peers: &PeerSet<P>, message: &Outbound) -> Pick<'_> {
        (**self).pick(peers, message)
    }

    fn poll_ready(&mut self, peers: &PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_ready(peers, cx)
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
