//! The handler of a route, of any type.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use aiomsg_core::{BoxError, Delivery, IntoReply};
use aiomsg_layers::request::is_over;
use tower::{Service, ServiceExt};

use super::reply::RouterReply;

/// `None` if the sender has stopped waiting before the handler was ready.
pub(super) type Handling =
    Pin<Box<dyn Future<Output = Result<Option<RouterReply>, BoxError>> + Send>>;

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

    /// Handles a message when the handler is ready, if its sender `waits` for a reply and goes
    /// on doing so, or waits for none. Until the future is polled, nothing happens.
    pub(super) fn handle(&self, message: Delivery, waits: bool) -> Handling {
        let deadline = message.deadline().filter(|_| waits);
        self.0.handle(message, deadline)
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

    fn handle(&self, message: Delivery, deadline: Option<Instant>) -> Handling;
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

    fn handle(&self, message: Delivery, deadline: Option<Instant>) -> Handling {
        let mut service = self.clone();
        Box::pin(async move {
            let ready = service.ready().await.map_err(Into::into)?;
            if deadline.is_some_and(is_over) {
                return Ok(None);
            }
            let reply = ready.call(message).await.map_err(Into::into)?;
            RouterReply::of(reply).map(Some)
        })
    }
}
