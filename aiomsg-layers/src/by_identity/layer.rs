use tower::Layer;

use super::{ByIdentity, MailboxSettings};
use crate::Overflow;
use crate::peers::Peers;
use crate::queue::Peer;

/// Puts [`ByIdentity`] around a service of messages.
///
/// ```
/// use aiomsg_core::{Discard, Identity, Limits, Outbound};
/// use aiomsg_layers::peers::Peers;
/// use aiomsg_layers::queue::Queue;
/// use aiomsg_layers::{ByIdentityLayer, Distribute, distribute::RoundRobin};
/// use tower::{Service, ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower::BoxError> {
/// let peers = Peers::new(Discard::new(|lost| println!("dropped: {}", lost.reason)));
/// let mut stack = ServiceBuilder::new()
///     .layer(ByIdentityLayer::new(&peers))
///     .service(Distribute::new(&peers, RoundRobin::new()));
///
/// let limits = Limits { items: 100, bytes: 1 << 20 };
/// let [a, b] = [(); 2].map(|()| Queue::new(limits));
/// peers.insert(Identity::new("a")?, a.clone());
/// peers.insert(Identity::new("b")?, b.clone());
///
/// for _ in 0..4 {
///     let message = Outbound::new("for b").to(Identity::new("b")?);
///     stack.ready().await?.call(message).await?;
/// }
/// assert_eq!((a.items(), b.items()), (0, 4));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ByIdentityLayer<P> {
    peers: Peers<P>,
    settings: MailboxSettings,
    overflow: Overflow,
}

impl<P> ByIdentityLayer<P> {
    /// Sends messages that are addressed to these peers.
    pub fn new(peers: &Peers<P>) -> Self {
        Self {
            peers: peers.clone(),
            settings: MailboxSettings::default(),
            overflow: Overflow::default(),
        }
    }

    /// Sets how much to keep for absent peers, and for how long.
    #[must_use]
    pub fn mailboxes(mut self, settings: MailboxSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets what happens to a message when its peer's queue, or its mailbox, is full.
    #[must_use]
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }
}

impl<P> Clone for ByIdentityLayer<P> {
    fn clone(&self) -> Self {
        Self {
            peers: self.peers.clone(),
            settings: self.settings,
            overflow: self.overflow,
        }
    }
}

impl<S, P: Peer + Clone> Layer<S> for ByIdentityLayer<P> {
    type Service = ByIdentity<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        ByIdentity::new(inner, &self.peers, self.settings, self.overflow)
    }
}
