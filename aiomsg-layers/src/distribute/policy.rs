//! How to write a policy: [`Policy::pick`] says who gets a message.

use std::task::{Context, Poll};

use aiomsg_core::{Error, Identity, Outbound};

use super::PeerSet;

/// Who gets a message that is for anyone.
///
/// A policy only picks. It pushes nothing, wakes nobody and makes no copies: all that is for
/// [`Distribute`](super::Distribute). So one of your own is a function of the peers and the
/// message. This one sends everything to the peer with the smallest identity that has room:
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
/// In a socket, and within [`Guarded`](super::Guarded), a policy that panics as it
/// picks costs this message: it comes back to its sender with an error
/// ([`Error::is_layer`]), or is dropped
/// ([`PolicyFailed`](aiomsg_core::DropReason::PolicyFailed)) if it was accepted
/// before. Elsewhere it panics in the task that polls the service.
pub trait Policy<P> {
    /// Picks who gets this message. There is at least one peer.
    ///
    /// The positions are those of `peers`, from 0 to `peers.len() - 1`. A message that is
    /// not placed now is picked for again.
    fn pick(&mut self, peers: &PeerSet<P>, message: &Outbound) -> Pick<'_>;

    /// Ready when one more message can be placed, whatever it is: when a peer has room, unless the
    /// policy says otherwise. There is at least one peer.
    ///
    /// The task is woken when a peer has room again. A policy that waits for something else
    /// registers it.
    fn poll_ready(&mut self, peers: &PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        match peers.any_has_room() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// A peer has come. It is in the set already.
    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        let _ = (identity, peer);
    }

    /// A peer has gone, and is no longer in the set. Another one may have its position.
    fn peer_went(&mut self, identity: &Identity) {
        let _ = identity;
    }

    /// Whether a message may go to several peers. Then it has no one
    /// acknowledgement, and at-least-once is not for it.
    fn copies(&self) -> bool {
        false
    }
}

/// Who gets a message.
#[derive(Debug)]
#[non_exhaustive]
pub enum Pick<'a> {
    /// The peer at this position. If that has no room, the message waits, or the
    /// [overflow rule](crate::Overflow) says what happens at this peer.
    One(usize),
    /// All peers, each with a copy.
    All,
    /// The peers at these positions, each with a copy. None of them is in it twice. If none of
    /// them takes the message, nobody has wanted it.
    These(&'a [usize]),
    /// No peer wants it: it is dropped ([`Unwanted`](aiomsg_core::DropReason::Unwanted)).
    Nobody,
    /// No peer that may get it has room: it waits, whatever the overflow rule is.
    Full,
    /// The policy has failed on it: it goes back to its sender with this error.
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
