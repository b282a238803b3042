use std::fmt;

use aiomsg_core::Outbound;
use fastrand::Rng;

use crate::distribute::{PeerSet, Pick, Policy};
use crate::queue::Peer;

/// The less loaded of two random peers. That comes close to the least loaded of all, and
/// looks at two peers only, however many there are. A peer with a full queue is skipped.
///
/// The load of a peer is the amount that [waits](Peer::waiting) for it, so a slow one gets
/// less without being measured.
///
/// ```
/// use aiomsg_core::{Discard, Identity, Limits, Outbound};
/// use aiomsg_layers::Distribute;
/// use aiomsg_layers::distribute::LeastLoaded;
/// use aiomsg_layers::peers::Peers;
/// use aiomsg_layers::queue::Queue;
/// use tower::{Service, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower::BoxError> {
/// let peers = Peers::new(Discard::new(|_| {}));
/// let mut distribute = Distribute::new(&peers, LeastLoaded::new());
///
/// let limits = Limits { items: 100, bytes: 1 << 20 };
/// let (busy, idle) = (Queue::new(limits), Queue::new(limits));
/// busy.push(Outbound::new("a long message that waits already"))?;
/// idle.push(Outbound::new("short"))?;
/// peers.insert(Identity::new("idle")?, idle.clone());
/// peers.insert(Identity::new("busy")?, busy.clone());
///
/// for _ in 0..4 {
///     distribute.ready().await?.call(Outbound::new("hello")).await?;
/// }
/// assert_eq!((busy.items(), idle.items()), (1, 5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct LeastLoaded(Rng);

impl LeastLoaded {
    /// Draws by chance.
    pub fn new() -> Self {
        Self(Rng::new())
    }

    /// Draws by this seed, for tests.
    pub fn with_seed(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }
}

impl<P: Peer> Policy<P> for LeastLoaded {
    fn pick(&mut self, peers: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
        let len = peers.len();
        // Two different ones, each of them or the next behind it that has room.
        let one = self.0.usize(..len);
        let other = (one + 1 + self.0.usize(..len.max(2) - 1)) % len;
        let with_room = |from| {
            let mut all = (from..len).chain(0..from);
            all.find(|at| peers.has_room(*at))
        };
        let (one, other) = match (with_room(one), with_room(other)) {
            // The next behind both is the same one.
            (Some(same), Some(other)) if same == other => {
                (same, with_room((same + 1) % len).unwrap_or(same))
            }
            (Some(one), Some(other)) => (one, other),
            // If no peer has room, the overflow rule applies to the less loaded one.
            _ => (one, other),
        };
        let less = |at| (peers.waiting(at), at);
        Pick::One(less(one).min(less(other)).1)
    }
}

impl Default for LeastLoaded {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LeastLoaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeastLoaded")
    }
}
