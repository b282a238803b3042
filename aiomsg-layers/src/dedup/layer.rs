use std::sync::Arc;

use tower::Layer;

use super::peers::Bounds;
use super::window::Window;
use super::{Dedup, DedupLimits};
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
    window: Arc<Window>,
}

impl DedupLayer {
    /// A window with the default [limits](DedupLimits).
    pub fn new() -> Self {
        Self::with_limits(DedupLimits::new())
    }

    /// A window with these limits.
    pub fn with_limits(limits: DedupLimits) -> Self {
        let bounds = Bounds {
            of_one: limits.per_peer,
            of_all: limits.total,
            peers: limits.peers,
        };
        Self {
            window: Arc::new(Window::new(bounds, bounded(limits.keep))),
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
