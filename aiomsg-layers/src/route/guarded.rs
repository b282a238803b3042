use std::collections::VecDeque;
use std::task::{Context, Poll};

use aiomsg_core::outbound::offer_each;
use aiomsg_core::{Error, Identity, Outbound};

use super::{PeerSet, Policy, Refused};
use crate::queue::Peer;
use crate::shared::{catch, note};

/// A policy of somebody's, in which a panic costs one message.
///
/// It would end the task otherwise that routes for all peers, or that of whoever
/// sends. A copy of the message is kept meanwhile; its payload is shared.
#[derive(Debug)]
pub struct Guarded<Q> {
    policy: Q,
    /// On the last message.
    failure: Option<Error>,
}

const POLICY: &str = "the policy";

impl<Q> Guarded<Q> {
    /// Guards this policy.
    pub fn new(policy: Q) -> Self {
        Self {
            policy,
            failure: None,
        }
    }

    /// For calls that are about no message.
    fn call<T>(&mut self, or: T, call: impl FnOnce(&mut Q) -> T) -> T {
        catch(POLICY, || call(&mut self.policy)).unwrap_or_else(|panicked| {
            note(&panicked);
            or
        })
    }
}

impl<P: Peer, Q: Policy<P>> Policy<P> for Guarded<Q> {
    /// Where it panics, it is ready: the next message is tried, and told of if
    /// that panics too.
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        self.call(Poll::Ready(()), |policy| policy.poll_ready(peers, cx))
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        let copy = message.clone();
        catch(POLICY, || self.policy.place(peers, message)).unwrap_or_else(|panicked| {
            self.failure = Some(panicked);
            Err(Refused {
                message: copy,
                position: None,
            })
        })
    }

    /// Where it panics, the message is left to `place`.
    fn try_place(&mut self, peers: &mut PeerSet<P>, message: &mut Option<Outbound>) -> bool {
        let copy = message.clone();
        catch(POLICY, || self.policy.try_place(peers, message)).unwrap_or_else(|panicked| {
            note(&panicked);
            *message = copy;
            false
        })
    }

    /// One by one, so that a panic is about one of them.
    fn try_place_all(
        &mut self,
        peers: &mut PeerSet<P>,
        messages: &mut VecDeque<Outbound>,
        most: usize,
    ) {
        offer_each(messages, most, |message| self.try_place(peers, message));
    }

    fn overfull(&mut self, peers: &mut PeerSet<P>, message: &Outbound) -> Option<Vec<usize>> {
        self.call(Some(Vec::new()), |policy| policy.overfull(peers, message))
    }

    fn failure(&mut self) -> Option<Error> {
        let failure = self.failure.take();
        failure.or_else(|| self.call(None, Policy::failure))
    }

    fn room_used(&mut self, identity: &Identity) {
        self.call((), |policy| policy.room_used(identity));
    }

    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        self.call((), |policy| policy.peer_came(identity, peer));
    }

    fn peer_went(&mut self, identity: &Identity) {
        self.call((), |policy| policy.peer_went(identity));
    }

    fn copies(&self) -> bool {
        self.policy.copies()
    }
}
