use std::sync::Arc;
use std::time::Duration;

use tower::Layer;

use super::Dedup;
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
    limit: usize,
    keep: Duration,
    window: Arc<Window>,
}

impl DedupLayer {
    /// How many messages are remembered: 65,536 (some 100 bytes each).
    pub const LIMIT: usize = 65_536;

    /// How long a message is remembered: 5 minutes, which is longer than a
    /// sender with default settings goes on sending it again.
    pub const KEEP: Duration = Duration::from_secs(300);

    /// A window of 65,536 messages and 5 minutes.
    pub fn new() -> Self {
        Self::with(Self::LIMIT, Self::KEEP)
    }

    /// Sets how many messages are remembered; beyond that, the oldest are
    /// forgotten.
    #[must_use]
    pub fn limit(self, messages: usize) -> Self {
        Self::with(messages, self.keep)
    }

    /// Sets how long a message is remembered.
    #[must_use]
    pub fn keep(self, time: Duration) -> Self {
        Self::with(self.limit, time)
    }

    fn with(limit: usize, keep: Duration) -> Self {
        Self {
            limit,
            keep,
            window: Arc::new(Window::new(limit, bounded(keep))),
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
