use std::sync::Arc;
use std::time::Duration;

use tower::Layer;

use super::Dedup;
use super::peers::Bounds;
use super::window::Window;
use crate::time::bounded;

/// Puts [`Dedup`] around a service of messages that arrived: around the handler
/// of a socket that acknowledges after handling, or around the receive path of
/// one that acknowledges what it has received. What was handled is known to all
/// services that one layer makes.
///
/// ```
/// use aiomsg_core::{BoxError, Delivery, Identity, MessageId};
/// use aiomsg_layers::DedupLayer;
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
/// let mut handler = ServiceBuilder::new()
///     .layer(DedupLayer::new())
///     .service(service_fn(|job: Delivery| async move {
///         Ok::<_, BoxError>(format!("did {:?}", job.payload()))
///     }));
/// let id = MessageId::from_bytes([7; 16]);
/// let job = Delivery::new(Identity::random(), "job").with_id(id);
///
/// let first = handler.ready().await?.call(job.clone()).await?;
/// assert!(first.is_some());
/// let again = handler.ready().await?.call(job).await?;
/// assert!(again.is_none(), "it was not handled again");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct DedupLayer {
    bounds: Bounds,
    keep: Duration,
    window: Arc<Window>,
}

impl DedupLayer {
    /// How many messages of one peer are remembered: 65,536.
    pub const LIMIT: usize = 65_536;

    /// How many messages of all peers are remembered: 524,288. That takes some
    /// 50 MB, and 140 MB at most.
    pub const TOTAL: usize = 524_288;

    /// Of how many peers messages are remembered: 65,536. That takes some 30 MB.
    pub const PEERS: usize = 65_536;

    /// How long a message is remembered: 5 minutes, which is longer than a
    /// sender with default settings goes on sending it again.
    pub const KEEP: Duration = Duration::from_secs(300);

    /// A window of 5 minutes and 65,536 messages for each of 65,536 peers, and of
    /// 524,288 messages in all.
    pub fn new() -> Self {
        let bounds = Bounds {
            of_one: Self::LIMIT,
            of_all: Self::TOTAL,
            peers: Self::PEERS,
        };
        Self::with(bounds, Self::KEEP)
    }

    /// Sets how many messages of each peer are remembered; beyond that, its
    /// oldest are forgotten.
    #[must_use]
    pub fn limit(self, messages: usize) -> Self {
        let bounds = Bounds {
            of_one: messages,
            ..self.bounds
        };
        Self::with(bounds, self.keep)
    }

    /// Sets how many messages of all peers are remembered. Beyond that, the oldest
    /// are forgotten of the peers of which the most are remembered.
    #[must_use]
    pub fn total(self, messages: usize) -> Self {
        let bounds = Bounds {
            of_all: messages,
            ..self.bounds
        };
        Self::with(bounds, self.keep)
    }

    /// Sets of how many peers messages are remembered. Beyond that, a peer of
    /// which the fewest are remembered is forgotten: see
    /// [the module](crate::dedup).
    #[must_use]
    pub fn peers(self, peers: usize) -> Self {
        let bounds = Bounds {
            peers,
            ..self.bounds
        };
        Self::with(bounds, self.keep)
    }

    /// Sets how long a message is remembered.
    #[must_use]
    pub fn keep(self, time: Duration) -> Self {
        Self::with(self.bounds, time)
    }

    fn with(bounds: Bounds, keep: Duration) -> Self {
        Self {
            bounds,
            keep,
            window: Arc::new(Window::new(bounds, bounded(keep))),
        }
    }
}

impl Default for DedupLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for DedupLayer {
    type Service = Dedup<S>;

    fn layer(&self, inner: S) -> Dedup<S> {
        Dedup::new(inner, Arc::clone(&self.window))
    }
}
