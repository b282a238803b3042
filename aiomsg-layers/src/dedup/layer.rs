use std::sync::Arc;
use std::time::Duration;

use tower::Layer;

use super::Dedup;
use super::peers::Bounds;
use super::window::Window;
use crate::time::bounded;

/// Puts [`Dedup`] around a service of received messages: around the handler of a socket
/// that acknowledges after handling, or around the receive path of one that acknowledges
/// on receipt. All services that one layer makes share one window.
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
    /// The default number of remembered messages of one peer: 65,536.
    pub const LIMIT: usize = 65_536;

    /// The default number of remembered messages of all peers: 524,288. They take some
    /// 50 MB, and 140 MB at most.
    pub const TOTAL: usize = 524_288;

    /// The default number of peers with remembered messages: 65,536. They take some 30 MB.
    pub const PEERS: usize = 65_536;

    /// The default time to remember a message: 5 minutes. That is longer than a sender
    /// with default settings resends it.
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

    /// Sets the number of remembered messages of each peer. Beyond it, the peer's oldest
    /// are forgotten.
    #[must_use]
    pub fn limit(self, messages: usize) -> Self {
        let bounds = Bounds {
            of_one: messages,
            ..self.bounds
        };
        Self::with(bounds, self.keep)
    }

    /// Sets the number of remembered messages of all peers. Beyond it, peers with the
    /// most remembered messages lose their oldest.
    #[must_use]
    pub fn total(self, messages: usize) -> Self {
        let bounds = Bounds {
            of_all: messages,
            ..self.bounds
        };
        Self::with(bounds, self.keep)
    }

    /// Sets the number of peers with remembered messages. Beyond it, a peer with the
    /// fewest is forgotten: see [the module](crate::dedup).
    #[must_use]
    pub fn peers(self, peers: usize) -> Self {
        let bounds = Bounds {
            peers,
            ..self.bounds
        };
        Self::with(bounds, self.keep)
    }

    /// Sets the time to remember a message.
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
