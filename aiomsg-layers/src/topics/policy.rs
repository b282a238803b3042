use std::collections::HashMap;
use std::fmt;
use std::mem::replace;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aiomsg_core::queue::Peer;
use aiomsg_core::{Identity, Outbound, Target};

use super::table::{Shared, Table};
use crate::route::{PeerSet, Policy, Refused};

/// The peers that subscribed to what a message begins with, each with a copy.
/// The payload is shared by the copies.
///
/// It is ready when all peers that have any subscription have room. A message
/// that nobody wants is refused without a position, and so is one if all who
/// want it have just gone.
///
/// See [`TopicsLayer`](super::TopicsLayer) for an example.
pub struct ByTopic {
    shared: Arc<Shared>,
    view: View,
    /// Kept for its room.
    found: Vec<usize>,
}

/// The table as it looks from the set of peers, so that a message takes no
/// look-up by identity.
#[derive(Default)]
struct View {
    /// The version of the table that this was made from. `None`: the set of
    /// peers has changed since.
    version: Option<u64>,
    /// The position of a connection's peer, by the number of the connection.
    positions: Vec<Option<usize>>,
    /// The positions of all peers that have subscriptions.
    listeners: Vec<usize>,
    /// By position: the last message that the peer has a copy of.
    given: Vec<u64>,
    /// The number of this message.
    message: u64,
}

impl ByTopic {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            view: View::default(),
            found: Vec::new(),
        }
    }

    /// Finds each peer that wants a message, once.
    fn each<P>(
        &mut self,
        peers: &mut PeerSet<P>,
        message: &Outbound,
        mut wants: impl FnMut(usize, &mut P),
    ) {
        let Self {
            shared,
            view,
            found,
        } = self;
        let table = shared.lock();
        let version = shared.version();
        if !view.is_of(version, peers) {
            view.look(&table, version, peers);
        }
        table.find(message.payload(), found);
        drop(table);

        view.message += 1;
        for number in found.drain(..) {
            let Some(Some(position)) = view.positions.get(number).copied() else {
                continue;
            };
            if replace(&mut view.given[position], view.message) == view.message {
                continue;
            }
            if let Some(peer) = peers.at(position) {
                wants(position, peer);
            }
        }
    }
}

impl View {
    fn is_of<P>(&self, version: u64, peers: &PeerSet<P>) -> bool {
        self.version == Some(version) && self.given.len() == peers.len()
    }

    fn look<P>(&mut self, table: &Table, version: u64, peers: &mut PeerSet<P>) {
        let known: HashMap<&Identity, usize> = peers
            .iter_mut()
            .enumerate()
            .map(|(position, (identity, _))| (identity, position))
            .collect();
        self.version = Some(version);
        self.given = vec![self.message; known.len()];
        self.positions.clear();
        self.listeners.clear();
        for identity in table.listeners() {
            let position = identity.and_then(|identity| known.get(identity).copied());
            self.positions.push(position);
            self.listeners.extend(position);
        }
        // An identity may have two connections for a moment.
        self.listeners.sort_unstable();
        self.listeners.dedup();
    }
}

impl<P: Peer> Policy<P> for ByTopic {
    fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let version = self.shared.version();
            if !self.view.is_of(version, peers) {
                let table = self.shared.lock();
                // It may be a later one by now, but not while it is locked.
                self.view.look(&table, self.shared.version(), peers);
                continue;
            }
            // Every peer without room is to wake the caller, so none is left
            // out.
            let mut all = Poll::Ready(());
            for &position in &self.view.listeners {
                if let Some(peer) = peers.at(position)
                    && peer.poll_room(cx).is_pending()
                {
                    all = Poll::Pending;
                }
            }
            if all.is_ready() || self.shared.wait(version, cx.waker()) {
                return all;
            }
        }
    }

    fn overfull(&mut self, peers: &mut PeerSet<P>, message: &Outbound) -> Option<Vec<usize>> {
        let mut noop = Context::from_waker(Waker::noop());
        let mut full = Vec::new();
        self.each(peers, message, |position, peer| {
            if peer.poll_room(&mut noop).is_pending() {
                full.push(position);
            }
        });
        Some(full)
    }

    fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
        let copy = message.clone().with_target(Target::Copy);
        let mut taken = 0;
        self.each(peers, &message, |_, peer| {
            // A connection that has ended gets none, as if the message had
            // come a moment later.
            taken += usize::from(peer.push(copy.clone()).is_ok());
        });
        match taken {
            0 => Err(Refused {
                message,
                position: None,
            }),
            _ => Ok(()),
        }
    }

    fn peer_came(&mut self, _: &Identity, _: &P) {
        self.view.version = None;
    }

    fn peer_went(&mut self, _: &Identity) {
        self.view.version = None;
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
