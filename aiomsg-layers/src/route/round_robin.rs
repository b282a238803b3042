use std::collections::VecDeque;
use std::task::{Context, Poll};

use aiomsg_core::Outbound;

use super::{PeerSet, Policy, Refused};
use crate::queue::{Closed, Peer};

/// One peer after the other; one whose queue is full is passed over.
#[derive(Debug, Default)]
pub struct RoundRobin {
    /// The peer whose turn it is.
    next: usize,
}

impl RoundRobin {
    /// Begins with the first peer.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<P: Peer> Policy<P> for RoundRobin {
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        let len = peers.len();
        for offset in 0..len {
            let position = (self.next + offset) % len;
            let Some(peer) = peers.at(position) else {
                break;
            };
            // A connection that has ended is ready, too: placing finds it out.
            if peer.poll_room(cx).is_ready() {
                self.next = position;
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Only to the one whose turn it is: whether another one is to have it
    /// takes a closer look.
    fn try_place(&mut self, peers: &mut PeerSet<P>, message: &mut Option<Outbound>) -> bool {
        let position = match self.next < peers.len() {
            true => self.next,
            false => 0,
        };
        let peer = peers.at(position);
        let taken = peer.is_some_and(|peer| peer.try_push(message));
        if taken {
            self.next = position + 1;
        }
        taken
    }

    /// As many to each, one peer after the other: a turn each would cost a lock
    /// each.
    fn try_place_all(
        &mut self,
        peers: &mut PeerSet<P>,
        messages: &mut VecDeque<Outbound>,
        most: usize,
    ) {
        let mut left = most.min(messages.len());
        let each = left.div_ceil(peers.len().max(1));
        for _ in 0..peers.len() {
            if left == 0 {
                break;
            }
            let position = self.next % peers.len();
            if let Some(peer) = peers.at(position) {
                left -= peer.try_push_all(messages, each.min(left));
            }
            self.next = position + 1;
        }
    }

    /// The one whose turn it is.
    fn overfull(&mut self, peers: &mut PeerSet<P>, _: &Outbound) -> Option<Vec<usize>> {
        if peers.is_empty() {
            return None;
        }
        self.next %= peers.len();
        Some(vec![self.next])
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        let position = self.next % peers.len().max(1);
        let refused = |message| {
            Err(Refused {
                message,
                position: Some(position),
            })
        };
        let Some(peer) = peers.at(position) else {
            return refused(message);
        };
        match peer.push(message) {
            Ok(()) => {
                self.next = (position + 1) % peers.len();
                Ok(())
            }
            Err(Closed(message)) => refused(message),
        }
    }
}
