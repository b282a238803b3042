//! A mock set of peers: the test lets them come, go and fill up.
//!
//! A [`MockPeer`] is what a router sees of a connection: the queue of messages
//! that wait for it, which is the [`Queue`](aiomsg_layers::queue::Queue) of the
//! socket itself. Its [`PeerHandle`] is the connection: it takes messages out
//! of the queue, or does not, and ends.

mod handle;
mod mock;
mod set;

use aiomsg_core::Limits;
use aiomsg_layers::route::{Changes, PeerSet, changes};

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

/// A changing set of peers for a [`Router`](aiomsg_layers::Router), and the
/// handle by which peers come. There is none yet.
///
/// ```
/// use std::task::{Context, Waker};
///
/// use aiomsg_core::Outbound;
/// use aiomsg_layers::Router;
/// use aiomsg_layers::route::{Publish, Route};
/// use aiomsg_test::{discard, peers};
///
/// let (changes, peers) = peers::pair();
/// let (discard, lost) = discard::pair();
/// let mut router = Router::new(changes, Publish::new(), discard);
/// let [a, b] = ["a", "b"].map(|name| peers.insert(name, peers::LIMITS));
///
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(router.poll_route(&mut cx).is_ready());
/// router.route(&mut cx, Outbound::new("news")).unwrap();
/// assert_eq!(a.take_payloads(), ["news"]);
/// assert_eq!(b.take_payloads(), ["news"]);
/// ```
pub fn pair() -> (Changes<MockPeer>, PeersHandle) {
    let (registrar, changes) = changes();
    (changes, PeersHandle::new(registrar))
}

/// A set of peers to try a [`Policy`](aiomsg_layers::route::Policy) on, by
/// position as they are named, and a handle for each. All have the same limits.
///
/// ```
/// use std::task::{Context, Waker};
///
/// use aiomsg_core::Outbound;
/// use aiomsg_layers::route::{Policy, RoundRobin};
/// use aiomsg_test::peers;
///
/// let (mut set, [a, b]) = peers::set(["a", "b"], peers::LIMITS);
/// let mut policy = RoundRobin::new();
/// a.fill();
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(policy.poll_ready(&mut set, &mut cx).is_ready());
/// policy.place(&mut set, Outbound::new("job")).unwrap();
/// assert_eq!(b.take_payloads(), ["job"]);
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
