use std::fmt;
use std::mem::take;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Identity, Outbound, Target, Weight};
use indexmap::IndexSet;

use super::places::Places;
use super::table::Shared;
use crate::queue::Peer;
use crate::route::{PeerSet, Policy, Refused};

/// The peers that subscribed to what a message begins with, each with a copy.
/// The payload is shared by the copies.
///
/// It is ready when all peers that have any subscription have room. A message
/// that nobody wants is refused without a position, and so is one if all who
/// want it have just gone.
///
/// A message costs by those who want it, and a subscription by itself, however
/// many peers have subscriptions.
///
/// See [`TopicsLayer`](super::TopicsLayer) for an example.
pub struct ByTopic {
    shared: Arc<Shared>,
    places: Places,
    /// The version of the table up to which peers with subscriptions are known.
    version: u64,
    /// The peers that may have no room. Each of the others has some, if it has
    /// subscriptions: room is used up by what is placed here and by what the
    /// router tells of.
    unsure: IndexSet<Identity>,
    /// Kept for its room.
    found: Vec<usize>,
}

impl ByTopic {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            places: Places::default(),
            version: 0,
            unsure: IndexSet::new(),
            found: Vec::new(),
        }
    }

    /// The positions of the peers that want a message, each once. To be given back
    /// as `found`.
    fn find<P>(&mut self, peers: &PeerSet<P>, message: &Outbound) -> Vec<usize> {
        let mut found = take(&mut self.found);
        found.clear();
        let table = self.shared.lock();
        table.find(message.payload(), &mut found);
        self.places.begin(self.shared.version(), peers);
        // Numbers to positions, where they stand.
        found.retain_mut(|it| {
            let identity = || table.identity(*it);
            let position = self.places.first_time(*it, peers, identity);
            position.map(|position| *it = position).is_some()
        });
        found
    }

    /// Asks the peers that may have no room. Each that has none is to wake the
    /// caller, so none is left out.
    fn poll_unsure<P: Peer>(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        if self.unsure.is_empty() {
            return Poll::Ready(());
        }
        self.unsure.retain(|identity| {
            let Some(position) = peers.position(identity) else {
                return false;
            };
            self.places.forget_room(position);
            let peer = peers.at(position);
            peer.is_some_and(|peer| peer.poll_room(cx).is_pending())
        });
        if !self.unsure.is_empty() {
            // What has no subscriptions may be full, and is asked again when it
            // has one.
            let table = self.shared.lock();
            self.unsure.retain(|identity| table.listens(identity));
        }
        match self.unsure.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl<P: Peer> Policy<P> for ByTopic {
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.version != self.shared.version() {
                let table = self.shared.lock();
                self.unsure
                    .extend(table.listening_since(self.version).cloned());
                // It may be a later one by now, but not while it is locked.
                self.version = self.shared.version();
            }
            let all = self.poll_unsure(peers, cx);
            if all.is_ready() || self.shared.wait(self.version, cx.waker()) {
                return all;
            }
        }
    }

    fn overfull(&mut self, peers: &mut PeerSet<P>, message: &Outbound) -> Option<Vec<usize>> {
        let mut noop = Context::from_waker(Waker::noop());
        let mut full = self.find(peers, message);
        full.retain(|&position| {
            let peer = peers.at(position);
            peer.is_some_and(|peer| peer.poll_room(&mut noop).is_pending())
        });
        Some(full)
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        let found = self.find(peers, &message);
        let copy = message.clone().with_target(Target::Copy);
        let mut taken = 0;
        for &position in &found {
            let Some((identity, peer)) = peers.entry(position) else {
                continue;
            };
            // A connection that has ended gets none, as if the message had
            // come a moment later.
            taken += usize::from(peer.push(copy.clone()).is_ok());
            if !(self.places).use_up(position, copy.weight(), || peer.room()) {
                self.unsure.insert(identity.clone());
            }
        }
        self.found = found;
        match taken {
            0 => Err(Refused {
                message,
                position: None,
            }),
            _ => Ok(()),
        }
    }

    fn room_used(&mut self, identity: &Identity) {
        self.unsure.insert(identity.clone());
    }

    fn peer_came(&mut self, identity: &Identity, _: &P) {
        self.places.moved();
        self.unsure.insert(identity.clone());
    }

    fn peer_went(&mut self, _: &Identity) {
        self.places.moved();
    }

    fn copies(&self) -> bool {
        true
    }
}

impl fmt::Debug for ByTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByTopic")
    }
}
