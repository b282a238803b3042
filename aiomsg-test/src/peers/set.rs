use aiomsg_core::Limits;
use aiomsg_layers::peers::Peers;

use super::{MockPeer, PeerHandle};
use crate::identity;

/// Lets peers come. See [`pair`](super::pair).
#[derive(Debug, Clone)]
pub struct PeersHandle(Peers<MockPeer>);

impl PeersHandle {
    pub(super) fn new(peers: Peers<MockPeer>) -> Self {
        Self(peers)
    }

    /// A peer comes, with room for as much. It goes when
    /// [`PeerHandle::end`] is called.
    ///
    /// A socket lets no peer in under the identity of another that is still
    /// there. Nor should a test: end the other first. Otherwise the new one
    /// takes its place at once, and goes when either is ended.
    ///
    /// # Panics
    ///
    /// When the name is not an identity: see
    /// [`Identity::new`](aiomsg_core::Identity::new).
    #[track_caller]
    pub fn insert(&self, name: impl AsRef<[u8]>, limits: Limits) -> PeerHandle {
        let handle = PeerHandle::new(identity(name), limits, Some(self.0.clone()));
        self.0.insert(handle.identity().clone(), handle.peer());
        handle
    }
}
