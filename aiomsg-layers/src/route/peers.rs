use aiomsg_core::Identity;
use indexmap::IndexMap;

/// The peers that are connected, by identity and by position.
///
/// The positions run from 0 to `len() - 1`; removing a peer moves the last one
/// into its place.
#[derive(Debug)]
pub struct PeerSet<P> {
    peers: IndexMap<Identity, P>,
}

impl<P> PeerSet<P> {
    pub(super) fn new() -> Self {
        Self {
            peers: IndexMap::new(),
        }
    }

    /// How many peers are connected.
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether no peer is connected.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// The peer at a position.
    pub fn at(&mut self, position: usize) -> Option<&mut P> {
        self.peers.get_index_mut(position).map(|(_, peer)| peer)
    }

    /// The peer of this identity.
    pub fn get(&mut self, identity: &Identity) -> Option<&mut P> {
        self.peers.get_mut(identity)
    }

    /// Whether the peer of this identity is connected.
    pub fn contains(&self, identity: &Identity) -> bool {
        self.peers.contains_key(identity)
    }

    /// The identity of the peer at a position.
    pub fn identity(&self, position: usize) -> Option<&Identity> {
        self.peers.get_index(position).map(|(identity, _)| identity)
    }

    /// The position of the peer of this identity.
    pub fn position(&self, identity: &Identity) -> Option<usize> {
        self.peers.get_index_of(identity)
    }

    pub(crate) fn entry(&mut self, position: usize) -> Option<(&Identity, &mut P)> {
        self.peers.get_index_mut(position)
    }

    /// All peers, by position.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Identity, &mut P)> {
        self.peers.iter_mut()
    }

    pub(super) fn insert(&mut self, identity: Identity, peer: P) -> Option<P> {
        self.peers.insert(identity, peer)
    }

    pub(super) fn remove(&mut self, identity: &Identity) -> Option<P> {
        self.peers.swap_remove(identity)
    }

    pub(super) fn remove_at(&mut self, position: usize) -> Option<(Identity, P)> {
        self.peers.swap_remove_index(position)
    }
}

/// A set of these peers, to try a policy on.
impl<P> FromIterator<(Identity, P)> for PeerSet<P> {
    fn from_iter<I: IntoIterator<Item = (Identity, P)>>(peers: I) -> Self {
        Self {
            peers: peers.into_iter().collect(),
        }
    }
}
