//! A policy of a user's, which may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use aiomsg_core::queue::Peer;
use aiomsg_core::{Discard, DropReason, Identity, Outbound};
use aiomsg_layers::route::{PeerSet, Policy, Refused};

/// Calls a policy so that a panic costs the message for which it was called.
///
/// It is called by the tasks that empty the buffer and send again, too: one that ended
/// would leave the socket deaf.
pub(crate) struct Guarded<P: Peer> {
    policy: Box<dyn Policy<P> + Send>,
    copies: bool,
    discard: Discard,
}

impl<P: Peer> Guarded<P> {
    pub(crate) fn new(policy: Box<dyn Policy<P> + Send>, discard: Discard) -> Self {
        let copies = guard(|| policy.copies()).unwrap_or(false);
        Self {
            policy,
            copies,
            discard,
        }
    }
}

/// `None`: it panicked. The panic hook has said where.
fn guard<T>(call: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

impl<P: Peer> Policy<P> for Guarded<P> {
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        // What is placed next is dropped if it panics again. To wait for it would be
        // to wait for good.
        guard(|| self.policy.poll_ready(peers, cx)).unwrap_or(Poll::Ready(()))
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        let copy = message.clone();
        guard(|| self.policy.place(peers, message)).unwrap_or_else(|| {
            self.discard.message(copy, DropReason::Panicked);
            Ok(())
        })
    }

    fn try_place(&mut self, peers: &mut PeerSet<P>, message: &mut Option<Outbound>) -> bool {
        let copy = message.clone();
        guard(|| self.policy.try_place(peers, message)).unwrap_or_else(|| {
            // It is placed in two steps, and told of there.
            *message = copy;
            false
        })
    }

    fn overfull(&mut self, peers: &mut PeerSet<P>, message: &Outbound) -> Option<Vec<usize>> {
        guard(|| self.policy.overfull(peers, message)).flatten()
    }

    fn room_used(&mut self) {
        guard(|| self.policy.room_used());
    }

    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        guard(|| self.policy.peer_came(identity, peer));
    }

    fn peer_went(&mut self, identity: &Identity) {
        guard(|| self.policy.peer_went(identity));
    }

    fn copies(&self) -> bool {
        self.copies
    }
}
