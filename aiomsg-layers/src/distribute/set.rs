use std::collections::BTreeSet;
use std::fmt;
use std::task::Context;

use aiomsg_core::Identity;
use indexmap::IndexMap;

use crate::queue::Peer;

/// The connected peers, by identity and by position.
///
/// The positions run from 0 to `len() - 1`. Removing a peer moves the last one into its
/// place.
pub struct PeerSet<P> {
    peers: IndexMap<Identity, Member<P>>,
    /// The positions of the peers without room.
    full: BTreeSet<usize>,
    /// Changes with every change here.
    version: u64,
}

struct Member<P> {
    peer: P,
    room: bool,
}

impl<P> PeerSet<P> {
    pub(super) fn new() -> Self {
        Self {
            peers: IndexMap::new(),
            full: BTreeSet::new(),
            version: 0,
        }
    }

    /// How many peers are connected.
    #[inline]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether no peer is connected.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Whether the peer at a position has room for one more message.
    #[inline]
    pub fn has_room(&self, position: usize) -> bool {
        let member = self.peers.get_index(position);
        member.is_some_and(|(_, member)| member.room)
    }

    /// Whether any peer has room.
    #[inline]
    pub fn any_has_room(&self) -> bool {
        self.full.len() < self.peers.len()
    }

    /// Whether all peers have room.
    #[inline]
    pub fn all_have_room(&self) -> bool {
        self.full.is_empty()
    }

    /// The positions of the peers without room.
    pub fn without_room(&self) -> impl Iterator<Item = usize> {
        self.full.iter().copied()
    }

    /// The identity of the peer at a position.
    pub fn identity(&self, position: usize) -> Option<&Identity> {
        self.peers.get_index(position).map(|(identity, _)| identity)
    }

    /// The position of the peer of this identity.
    pub fn position(&self, identity: &Identity) -> Option<usize> {
        self.peers.get_index_of(identity)
    }

    /// Whether the peer of this identity is connected.
    pub fn contains(&self, identity: &Identity) -> bool {
        self.peers.contains_key(identity)
    }

    /// The peer at a position.
    pub fn peer(&self, position: usize) -> Option<&P> {
        self.peers
            .get_index(position)
            .map(|(_, member)| &member.peer)
    }

    /// All peers, by position.
    pub fn iter(&self) -> impl Iterator<Item = (&Identity, &P)> {
        let peers = self.peers.iter();
        peers.map(|(identity, member)| (identity, &member.peer))
    }

    /// A number that changes whenever a peer comes or goes, becomes full, or has room again: for
    /// a policy that caches its result.
    pub fn version(&self) -> u64 {
        self.version
    }

    #[inline]
    pub(super) fn peer_mut(&mut self, position: usize) -> Option<&mut P> {
        let member = self.peers.get_index_mut(position);
        member.map(|(_, member)| &mut member.peer)
    }

    /// Adds a peer, in the place of one of the same identity.
    pub(super) fn insert(&mut self, identity: Identity, peer: P) -> usize {
        let member = Member { peer, room: true };
        let (position, _) = self.peers.insert_full(identity, member);
        self.full.remove(&position);
        self.version += 1;
        position
    }

    pub(super) fn remove(&mut self, identity: &Identity) -> bool {
        let position = self.position(identity);
        position.is_some_and(|position| self.remove_at(position).is_some())
    }

    pub(super) fn remove_at(&mut self, position: usize) -> Option<Identity> {
        let (identity, _) = self.peers.swap_remove_index(position)?;
        self.full.remove(&position);
        // The last one is here now.
        if self.full.remove(&self.peers.len()) {
            self.full.insert(position);
        }
        self.version += 1;
        Some(identity)
    }

    pub(super) fn set_room(&mut self, position: usize, room: bool) {
        let Some((_, member)) = self.peers.get_index_mut(position) else {
            return;
        };
        if member.room != room {
            member.room = room;
            match room {
                true => self.full.remove(&position),
                false => self.full.insert(position),
            };
            self.version += 1;
        }
    }
}

impl<P: Peer> PeerSet<P> {
    /// How much waits for the peer at a position: the bytes of payload, plus one for each
    /// message.
    pub fn waiting(&self, position: usize) -> usize {
        self.peer(position).map_or(0, Peer::waiting)
    }

    /// Asks every peer whether it has room. A test of a policy calls it; a
    /// [`Distribute`](super::Distribute) knows the room already.
    pub fn look(&mut self, cx: &mut Context<'_>) {
        for position in 0..self.len() {
            self.look_at(position, cx);
        }
    }

    /// Asks one peer, which wakes the task when it has room again.
    pub(super) fn look_at(&mut self, position: usize, cx: &mut Context<'_>) {
        if let Some(peer) = self.peer_mut(position) {
            // A connection that has ended has room, too. Placing finds that out.
            let room = peer.poll_room(cx).is_ready();
            self.set_room(position, room);
        }
    }

    /// Asks the peers that had no room.
    pub(super) fn look_again(&mut self, cx: &mut Context<'_>) {
        let mut from = 0;
        while let Some(&position) = self.full.range(from..).next() {
            self.look_at(position, cx);
            from = position + 1;
        }
    }
}

/// A set of these peers, to try a policy on.
impl<P> FromIterator<(Identity, P)> for PeerSet<P> {
    fn from_iter<I: IntoIterator<Item = (Identity, P)>>(peers: I) -> Self {
        let mut set = Self::new();
        for (identity, peer) in peers {
            set.insert(identity, peer);
        }
        set
    }
}

impl<P> fmt::Debug for PeerSet<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerSet")
            .field("len", &self.len())
            .field("full", &self.full.len())
            .finish_non_exhaustive()
    }
}
