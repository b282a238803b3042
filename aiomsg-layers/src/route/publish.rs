use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Identity, Limits, Outbound, Target, Weight};

use super::{PeerSet, Policy, Refused};
use crate::queue::Peer;

/// All peers, each with a copy. The payload is shared by the copies.
#[derive(Debug)]
pub struct Publish {
    /// So much there is room for at each of the peers, at least: nobody else uses
    /// it up. Asking all of them costs as much as publishing does.
    room: Limits,
}

impl Publish {
    /// Publishes.
    pub fn new() -> Self {
        Self { room: NOTHING }
    }

    /// How much there is room for at each peer, if for anything.
    fn look<P: Peer>(&mut self, peers: &mut PeerSet<P>) -> Limits {
        if !self.room.admit(0, 0) {
            let rooms = peers.iter_mut().map(|(_, peer)| peer.room());
            let least = rooms.reduce(|one, other| Limits {
                items: one.items.min(other.items),
                bytes: one.bytes.min(other.bytes),
            });
            self.room = least.unwrap_or(NOTHING);
        }
        self.room
    }

    fn use_up(&mut self, items: usize, bytes: usize) {
        self.room.items = self.room.items.saturating_sub(items);
        self.room.bytes = self.room.bytes.saturating_sub(bytes);
    }
}

impl Default for Publish {
    fn default() -> Self {
        Self::new()
    }
}

const NOTHING: Limits = Limits { items: 0, bytes: 0 };

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

    fn try_place(&mut self, peers: &mut PeerSet<P>, message: &mut Option<Outbound>) -> bool {
        if !self.look(peers).admit(0, 0) {
            return false;
        }
        let Some(taken) = message.take() else {
            return true;
        };
        match self.place(peers, taken) {
            Ok(()) => true,
            Err(refused) => {
                *message = Some(refused.message);
                false
            }
        }
    }

    fn try_place_all(
        &mut self,
        peers: &mut PeerSet<P>,
        messages: &mut VecDeque<Outbound>,
        most: usize,
    ) {
        let room = self.look(peers);
        let (mut count, mut bytes) = (0, 0);
        for message in messages.iter().take(most) {
            if !room.admit(count, bytes) {
                break;
            }
            count += 1;
            bytes += message.weight();
        }
        let mut taken = 0;
        let mut copies = VecDeque::with_capacity(count);
        for (_, peer) in peers.iter_mut() {
            let all = messages.iter().take(count);
            copies.extend(all.map(|message| message.clone().with_target(Target::Copy)));
            // One that has ended takes nothing.
            taken = taken.max(peer.try_push_all(&mut copies, count));
            copies.clear();
        }
        messages.drain(..taken);
        self.use_up(taken, bytes);
    }

    fn room_used(&mut self, _: &Identity) {
        self.room = NOTHING;
    }

    fn peer_came(&mut self, _: &Identity, _: &P) {
        self.room = NOTHING;
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
        self.use_up(1, message.weight());
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
