use std::task::{Context, Poll};

use aiomsg_core::{Identity, Outbound};

use super::{PeerSet, Pick, Policy};
use crate::shared::{catch, note};

/// A policy in which a panic costs one message.
///
/// Elsewhere it would end the task that sends for all peers, or that of the sender.
#[derive(Debug)]
pub struct Guarded<Q>(Q);

const POLICY: &str = "the policy";

impl<Q> Guarded<Q> {
    /// Guards this policy.
    pub fn new(policy: Q) -> Self {
        Self(policy)
    }

    /// The policy inside.
    pub fn get_ref(&self) -> &Q {
        &self.0
    }

    /// The policy inside.
    pub fn get_mut(&mut self) -> &mut Q {
        &mut self.0
    }

    /// Takes the policy out.
    pub fn into_inner(self) -> Q {
        self.0
    }

    /// For calls that concern no message.
    fn call<T>(&mut self, or: T, call: impl FnOnce(&mut Q) -> T) -> T {
        catch(POLICY, || call(&mut self.0)).unwrap_or_else(|panicked| {
            note(&panicked);
            or
        })
    }
}

impl<P, Q: Policy<P>> Policy<P> for Guarded<Q> {
    fn pick(&mut self, peers: &PeerSet<P>, message: &Outbound) -> Pick<'_> {
        catch(POLICY, || self.0.pick(peers, message)).unwrap_or_else(Pick::Failed)
    }

    /// A policy that panics here counts as ready: the next message is tried, and fails if
    /// that panics, too.
    fn poll_ready(&mut self, peers: &PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        self.call(Poll::Ready(()), |policy| policy.poll_ready(peers, cx))
    }

    fn peer_came(&mut self, identity: &Identity, peer: &P) {
        self.call((), |policy| policy.peer_came(identity, peer));
    }

    fn peer_went(&mut self, identity: &Identity) {
        self.call((), |policy| policy.peer_went(identity));
    }

    fn copies(&self) -> bool {
        self.0.copies()
    }
}
