use std::fmt;
use std::mem::take;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::{Identity, Outbound};

use super::places::Places;
use super::table::Shared;
use crate::distribute::{PeerSet, Pick, Policy};

/// The peers with a subscription to a prefix of a message, each with a copy. The copies share
/// the payload.
///
/// It is ready when all peers with any subscription have room. A message without subscribers
/// is dropped ([`Unwanted`](aiomsg_core::DropReason::Unwanted)), and so is one whose
/// subscribers have just gone.
///
/// The cost of a message grows with its subscribers, not with all subscriptions.
///
/// See [`TopicsLayer`](super::TopicsLayer) for an example.
pub struct ByTopic {
    shared: Arc<Shared>,
    places: Places,
    /// The last result for all peers with subscriptions, and the versions of the table and of
    /// the set of peers at that time.
    known: Option<(u64, u64, Poll<()>)>,
    found: Vec<usize>,
}

impl ByTopic {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            places: Places::default(),
            known: None,
            found: Vec::new(),
        }
    }

    /// Whether all peers with subscriptions have room.
    fn look<P>(&self, peers: &PeerSet<P>) -> Poll<()> {
        if peers.all_have_room() {
            return Poll::Ready(());
        }
        let table = self.shared.lock();
        let mut full = peers.without_room().filter_map(|at| peers.identity(at));
        match full.any(|identity| table.listens(identity)) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

impl<P> Policy<P> for ByTopic {
    fn pick(&mut self, peers: &PeerSet<P>, message: &Outbound) -> Pick<'_> {
        let mut found = take(&mut self.found);
        found.clear();
        let table = self.shared.lock();
        table.find(message.payload(), &mut found);
        self.places.begin(self.shared.version(), peers);
        // Numbers of connections to positions of peers.
        found.retain_mut(|it| {
            let identity = || table.identity(*it);
            let position = self.places.first_time(*it, peers, identity);
            position.map(|position| *it = position).is_some()
        });
        drop(table);
        self.found = found;
        match self.found.is_empty() {
            true => Pick::Nobody,
            false => Pick::These(&self.found),
        }
    }

    fn poll_ready(&mut self, peers: &PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let versions = (self.shared.version(), peers.version());
            let ready = match self.known {
                Some((table, set, ready)) if (table, set) == versions => ready,
                _ => self.look(peers),
            };
            self.known = Some((versions.0, versions.1, ready));
            // One that is full may have no subscription soon.
            if ready.is_ready() || self.shared.wait(versions.0, cx.waker()) {
                return ready;
            }
        }
    }

    fn peer_came(&mut self, _: &Identity, _: &P) {
        self.places.moved();
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
