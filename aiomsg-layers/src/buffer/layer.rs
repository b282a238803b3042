use aiomsg_core::{Discard, Limits};
use tower::Layer;

use super::Buffer;
use crate::Overflow;
use crate::distribute::Reach;

/// Puts a [`Buffer`] around a service of messages.
///
/// ```
/// use aiomsg_core::{Discard, Identity, Limits, Outbound};
/// use aiomsg_layers::peers::Peers;
/// use aiomsg_layers::queue::Queue;
/// use aiomsg_layers::{BufferLayer, Distribute, distribute::RoundRobin};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower::BoxError> {
/// let limits = Limits { items: 100, bytes: 1 << 20 };
/// let peers = Peers::new(Discard::new(|_| {}));
/// let mut stack = ServiceBuilder::new()
///     .layer(BufferLayer::new(limits))
///     .service(Distribute::new(&peers, RoundRobin::new()));
///
/// // Nobody is connected.
/// stack.ready().await?.call(Outbound::new("hello")).await?;
/// assert_eq!(stack.len(), 1);
///
/// let queue = Queue::new(limits);
/// peers.insert(Identity::random(), queue.clone());
/// stack.ready().await?;
/// assert_eq!((stack.len(), queue.items()), (0, 1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct BufferLayer {
    limits: Limits,
    overflow: Overflow,
    discard: Option<Discard>,
    reach: Option<Reach>,
}

impl BufferLayer {
    /// How much a socket holds while nobody is connected: 65,536 messages or 64 MiB.
    pub const LIMITS: Limits = Limits {
        items: 65_536,
        bytes: 64 << 20,
    };

    /// Holds up to these limits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            overflow: Overflow::default(),
            discard: None,
            reach: None,
        }
    }

    /// Sets what happens to a message when the buffer is full.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Sets where dropped messages go. Otherwise they are only logged.
    #[must_use]
    pub fn discard(mut self, discard: Discard) -> Self {
        self.discard = Some(discard);
        self
    }

    /// Holds messages only while no peer can be reached. Otherwise the buffer is as ready as the
    /// inner service, and its held messages push out no others.
    #[must_use]
    pub fn while_nobody(mut self, reach: Reach) -> Self {
        self.reach = Some(reach);
        self
    }
}

impl<S: tower::Service<aiomsg_core::Outbound>> Layer<S> for BufferLayer {
    type Service = Buffer<S>;

    fn layer(&self, inner: S) -> Buffer<S> {
        Buffer::new(
            inner,
            self.limits,
            self.overflow,
            self.discard.clone(),
            self.reach.clone(),
        )
    }
}
