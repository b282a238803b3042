//! The handler of a route, of any type.

use std::future::Future;
use std::pin::Pin;

use aiomsg_core::{BoxError, Delivery, IntoReply};
use bytes::Bytes;
use tower::{Service, ServiceExt};

pub(super) type Handling = Pin<Box<dyn Future<Output = Result<Option<Bytes>, BoxError>> + Send>>;

/// The handler of a route.
pub(super) struct Route(Box<dyn Handle>);

impl Route {
    pub(super) fn new<S>(service: S) -> Self
    where
        S: Service<Delivery, Response: IntoReply, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + 'static,
    {
        Self(Box::new(service))
    }

    /// Handles a message when the handler is ready. Until the future is polled, nothing
    /// happens.
    pub(super) fn handle(&self, message: Delivery) -> Handling {
        self.0.handle(message)
    }
}

impl Clone for Route {
    fn clone(&self) -> Self {
        Self(self.0.boxed())
    }
}

/// A service of messages. It need not be `Sync`, as a boxed service of tower's must be to be
/// called by reference.
trait Handle: Send {
    fn boxed(&self) -> Box<dyn Handle>;

    fn handle(&self, message: Delivery) -> Handling;
}

impl<S> Handle for S
where
    S: Service<Delivery, Response: IntoReply, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
{
    fn boxed(&self) -> Box<dyn Handle> {
        Box::new(self.clone())
    }

    fn handle(&self, message: Delivery) -> Handling {
        let service = self.clone();
        Box::pin(async move {
            let reply = service.oneshot(message).await.map_err(Into::into)?;
            reply.try_into_reply()
        })
    }
}
