use std::task::{Context, Poll, Waker};

use aiomsg_core::queue::Peer;
use aiomsg_core::{Outbound, Target};

use super::{PeerSet, Policy, Refused};

/// All peers, each with a copy. The payload is shared by the copies.
#[derive(Debug, Default)]
pub struct Publish(());

impl Publish {
    /// Publishes.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<P: Peer> Policy<P> for Publish {
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        // Every peer without room is to wake the caller, so none is left out.
        let mut all = Poll::Ready(());
        for (_, peer) in peers.iter_mut() {
            if peer.poll_room(cx).is_pending() {
                all = Poll::Pending;
            }
        }
        all
    }

    fn overfull(&mut self, peers: &mut PeerSet<P>, _: &Outbound) -> Option<Vec<usize>> {
        let mut noop = Context::from_waker(Waker::noop());
        let mut full = Vec::new();
        for (position, (_, peer)) in peers.iter_mut().enumerate() {
            if peer.poll_room(&mut noop).is_pending() {
                full.push(position);
            }
        }
        Some(full)
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        let copy = message.clone().with_target(Target::Copy);
        let mut taken = 0;
        for (_, peer) in peers.iter_mut() {
            // A connection that has ended gets none, as if the message had
            // come a moment later.
            taken += usize::from(peer.push(copy.clone()).is_ok());
        }
        match taken {
            0 => Err(Refused {
                message,
                position: Some(0),
            }),
            _ => Ok(()),
        }
    }
    fn copies(&self) -> bool {
        true
    }
}
