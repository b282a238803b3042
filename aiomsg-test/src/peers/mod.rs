//! A mock set of peers: the test lets them come, go and fill up.
//!
//! A [`MockPeer`] is what the send path sees of a connection: the queue of messages
//! that wait for it, which is the [`Queue`](aiomsg_layers::queue::Queue) of the
//! socket itself. Its [`PeerHandle`] is the connection: it takes messages out
//! of the queue, or does not, and ends.

mod handle;
mod mock;
mod set;

use aiomsg_core::{Discard, Limits};
use aiomsg_layers::distribute::PeerSet;
use aiomsg_layers::peers::Peers;

pub use handle::PeerHandle;
pub use mock::MockPeer;
pub use set::PeersHandle;

use crate::identity;

/// As much as a test hardly fills: 1,024 messages or 1 MiB. To be written as
/// `Limits { items: 1, ..LIMITS }` where one limit matters.
pub const LIMITS: Limits = Limits {
    items: 1024,
    bytes: 1 << 20,
};

/// A changing table of peers for [`Distribute`](aiomsg_layers::Distribute) and
/// [`ByIdentity`](aiomsg_layers::ByIdentity), and the handle by which peers come. There is none
/// yet. Dropped messages go to `discard`.
///
/// ```
/// use aiomsg_core::Outbound;
/// use aiomsg_layers::Distribute;
/// use aiomsg_layers::distribute::Publish;
/// use aiomsg_test::{discard, peers};
/// use tower::{Service, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg_core::Error> {
/// let (discard, lost) = discard::pair();
/// let (table, peers) = peers::pair(discard);
/// let mut distribute = Distribute::new(&table, Publish::new());
/// let [a, b] = ["a", "b"].map(|name| peers.insert(name, peers::LIMITS));
///
/// distribute.ready().await?.call(Outbound::new("news")).await?;
/// assert_eq!(a.take_payloads(), ["news"]);
/// assert_eq!(b.take_payloads(), ["news"]);
/// # Ok(()) }
/// ```
pub fn pair(discard: Discard) -> (Peers<MockPeer>, PeersHandle) {
    let peers = Peers::new(discard);
    (peers.clone(), PeersHandle::new(peers))
}

/// A set of peers to try a [`Policy`](aiomsg_layers::distribute::Policy) on, by
/// position as they are named, and a handle for each. All have the same limits.
///
/// ```
/// use std::task::{Context, Waker};
///
/// use aiomsg_core::Outbound;
/// use aiomsg_layers::distribute::{Pick, Policy, RoundRobin};
/// use aiomsg_test::peers;
///
/// let (mut set, [a, b]) = peers::set(["a", "b"], peers::LIMITS);
/// let mut policy = RoundRobin::new();
/// a.fill();
/// set.look(&mut Context::from_waker(Waker::noop()));
/// let picked = policy.pick(&set, &Outbound::new("job"));
/// assert!(matches!(picked, Pick::One(1)), "the first has no room");
/// ```
///
/// # Panics
///
/// When a name is not an identity: see
/// [`Identity::new`](aiomsg_core::Identity::new).
#[track_caller]
pub fn set<const N: usize>(
    names: [impl AsRef<[u8]>; N],
    limits: Limits,
) -> (PeerSet<MockPeer>, [PeerHandle; N]) {
    let handles = names.map(|name| PeerHandle::new(identity(name), limits, None));
    let peers = handles
        .iter()
        .map(|handle| (handle.identity().clone(), handle.peer()));
    (peers.collect(), handles)
}

/// A single peer, for a set of the test's own.
///
/// # Panics
///
/// When the name is not an identity: see
/// [`Identity::new`](aiomsg_core::Identity::new).
#[track_caller]
pub fn peer(name: impl AsRef<[u8]>, limits: Limits) -> (MockPeer, PeerHandle) {
    let handle = PeerHandle::new(identity(name), limits, None);
    (handle.peer(), handle)
}
