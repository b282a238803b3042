use std::collections::HashMap;

use aiomsg_core::{Identity, MessageId};
use slab::Slab;
use tokio::time::Instant;

use super::handled::Handled;
use super::list::{Linked, Links, List};

/// The most peers with an empty window that one look forgets.
const FORGOTTEN_AT_ONCE: usize = 16;

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Messages of one peer.
    pub(super) of_one: usize,
    /// Messages of all peers.
    pub(super) of_all: usize,
    pub(super) peers: usize,
}

/// The messages handled lately, by peer.
///
/// When there are too many, the number of a peer's remembered messages, as a power of
/// two, decides which peer loses some: a stranger that has sent little cannot outlive a
/// peer that has sent more, and a peer that has sent the most pays for the bound on all.
pub(super) struct Peers {
    bounds: Bounds,
    peers: Slab<Remembered>,
    places: HashMap<Identity, usize>,
    /// The peer with the oldest last message is first.
    by_time: List<BY_TIME>,
    /// Peers by the number of their messages, as a power of two. In each list, the one
    /// that has not changed for longest is first.
    by_size: [List<BY_SIZE>; usize::BITS as usize],
    messages: usize,
}

const BY_TIME: usize = 0;
const BY_SIZE: usize = 1;

/// A peer with remembered messages. It is in both lists.
struct Remembered {
    identity: Identity,
    handled: Handled,
    class: usize,
    time_links: Links,
    size_links: Links,
}

impl Linked<BY_TIME> for Remembered {
    fn links(&mut self) -> &mut Links {
        &mut self.time_links
    }
}

impl Linked<BY_SIZE> for Remembered {
    fn links(&mut self) -> &mut Links {
        &mut self.size_links
    }
}

impl Peers {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            peers: Slab::new(),
            places: HashMap::new(),
            by_time: List::default(),
            by_size: [List::default(); usize::BITS as usize],
            messages: 0,
        }
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Whether this message was handled, and not before this time.
    pub(super) fn contains(
        &mut self,
        from: &Identity,
        id: &MessageId,
        then: Option<Instant>,
    ) -> bool {
        self.forget_before(then);
        let Some(&at) = self.places.get(from) else {
            return false;
        };
        if let Some(then) = then {
            self.shorten(at, |handled| handled.forget_before(then));
        }
        self.peers
            .get(at)
            .is_some_and(|peer| peer.handled.contains(id))
    }

    /// Remembers that a message was handled.
    pub(super) fn insert(
        &mut self,
        from: &Identity,
        id: MessageId,
        now: Instant,
        then: Option<Instant>,
    ) {
        self.forget_before(then);
        let Bounds {
            of_one,
            of_all,
            peers,
        } = self.bounds;
        if of_one == 0 || of_all == 0 || peers == 0 {
            return;
        }
        let at = match self.places.get(from) {
            Some(&at) => at,
            None => {
                if self.peers.len() >= peers {
                    self.forget_one();
                }
                self.add(from.clone())
            }
        };
        let peer = &mut self.peers[at];
        let before = peer.handled.len();
        if before >= of_one {
            peer.handled.forget_oldest();
        }
        peer.handled.push(now, id);
        self.messages = self.messages - before + peer.handled.len();
        self.by_time.remove(&mut self.peers, at);
        self.by_time.push_back(&mut self.peers, at);
        self.classify(at);
        while self.messages > of_all {
            let Some(most) = self.by_size.iter().rev().find_map(List::first) else {
                return;
            };
            self.shorten(most, Handled::forget_oldest);
        }
    }

    fn add(&mut self, identity: Identity) -> usize {
        let at = self.peers.insert(Remembered {
            identity: identity.clone(),
            handled: Handled::default(),
            class: 0,
            time_links: Links::default(),
            size_links: Links::default(),
        });
        self.places.insert(identity, at);
        self.by_time.push_back(&mut self.peers, at);
        self.by_size[0].push_back(&mut self.peers, at);
        at
    }

    /// Moves a peer whose number of messages has changed to its list.
    fn classify(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        let class = peer.handled.len().checked_ilog2().unwrap_or(0) as usize;
        let old = std::mem::replace(&mut peer.class, class);
        self.by_size[old].remove(&mut self.peers, at);
        self.by_size[class].push_back(&mut self.peers, at);
    }

    fn shorten(&mut self, at: usize, forget: impl FnOnce(&mut Handled)) {
        let handled = &mut self.peers[at].handled;
        let before = handled.len();
        forget(handled);
        let after = handled.len();
        self.messages -= before - after;
        match after {
            0 => self.forget(at),
            _ if after < before => self.classify(at),
            _ => {}
        }
    }

    fn forget(&mut self, at: usize) {
        self.by_time.remove(&mut self.peers, at);
        self.by_size[self.peers[at].class].remove(&mut self.peers, at);
        let peer = self.peers.remove(at);
        self.places.remove(&peer.identity);
        self.messages -= peer.handled.len();
    }

    /// Forgets peers without a message since this time.
    fn forget_before(&mut self, then: Option<Instant>) {
        // The clock may not have run for as long yet.
        let Some(then) = then else { return };
        for _ in 0..FORGOTTEN_AT_ONCE {
            match self.by_time.first() {
                Some(at) if self.peers[at].handled.last().is_none_or(|last| last < then) => {
                    self.forget(at);
                }
                _ => return,
            }
        }
    }

    /// Makes room for another peer: one with the fewest messages goes.
    fn forget_one(&mut self) {
        if let Some(at) = self.by_size.iter().find_map(List::first) {
            self.forget(at);
        }
    }
}

#[cfg(test)]
mod tests;
