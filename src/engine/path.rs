//! What the layers of a path wrap: the innermost service, or other layers around it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aiomsg_core::sync::Mutex;
use aiomsg_core::{BoxError, Delivery, Endpoint, Error};
use aiomsg_layers::session::Inbox;
use aiomsg_layers::shared::Fused;
use aiomsg_transport::{Acceptor, Connector, Incoming, Io};
use pin_project::pin_project;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;
use tower::util::BoxService;
use tower::{Service, ServiceExt};

use super::explain;

/// What a layer of the receive path wraps: the inbox, or the layers that were added after
/// it.
pub type ReceivePath = Path<Inbox, Delivery, ()>;

/// What a layer of the dial path wraps: the connector, or the layers that were added after
/// it.
pub type DialPath = Path<Connector, Endpoint, Io>;

/// What a layer of the accept path wraps: the acceptor, or the layers that were added
/// after it.
pub type AcceptPath = Path<Acceptor, Incoming, Io>;

/// The service that a layer of a path wraps: the innermost one, `S`, or further layers
/// around it, behind a dynamic call. Their errors become [`Error`]s of this crate, with
/// the former as their source.
///
/// A clone is another handle of the same service. With further layers, one handle at a
/// time is ready: the others wait until it is called or dropped.
pub struct Path<S, Request, Response>(Kind<S, Request, Response>);

enum Kind<S, Request, Response> {
    Innermost(S),
    Layered(Layered<Request, Response>),
}

/// Layers whose type is erased, for several handles.
struct Layered<Request, Response> {
    service: Arc<Mutex<Fused<BoxService<Request, Response, Error>>>>,
    /// What is reserved in `poll_ready` is for the handle that calls next.
    turn: PollSemaphore,
    ready: Option<OwnedSemaphorePermit>,
}

impl<S, Request, Response> Path<S, Request, Response> {
    pub(crate) fn innermost(service: S) -> Self {
        Self(Kind::Innermost(service))
    }

    /// Erases the type of a layer around the path. Its errors become those of the path.
    pub(crate) fn layered<L>(service: L) -> Self
    where
        L: Service<Request, Response = Response, Error: Into<BoxError>, Future: Send>
            + Send
            + 'static,
        Request: 'static,
        Response: 'static,
    {
        let service = service.map_err(explain);
        Self(Kind::Layered(Layered {
            service: Arc::new(Mutex::new(Fused::new(BoxService::new(service)))),
            turn: PollSemaphore::new(Arc::new(Semaphore::new(1))),
            ready: None,
        }))
    }
}

impl<Request, Response> Layered<Request, Response> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.ready.is_none() {
            self.ready = ready!(self.turn.poll_acquire(cx));
        }
        let mut service = self.service.lock();
        let ready = ready!(service.poll_ready(cx)).map_err(explain);
        drop(service);
        if ready.is_err() {
            self.ready = None;
        }
        Poll::Ready(ready)
    }
}

impl<S, Request, Response> Service<Request> for Path<S, Request, Response>
where
    S: Service<Request, Response = Response, Error = Error>,
{
    type Response = Response;
    type Error = Error;
    type Future = PathFuture<S::Future, Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.0 {
            Kind::Innermost(service) => service.poll_ready(cx),
            Kind::Layered(layered) => layered.poll_ready(cx),
        }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match &mut self.0 {
            Kind::Innermost(service) => PathFuture(Calling::Innermost(service.call(request))),
            Kind::Layered(layered) => {
                // Given back when the call has used up the readiness.
                let _turn = layered.ready.take();
                let mut service = layered.service.lock();
                PathFuture(Calling::Layered(service.call(request)))
            }
        }
    }
}

/// A clone is not ready.
impl<S: Clone, Request, Response> Clone for Path<S, Request, Response> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Kind::Innermost(service) => Kind::Innermost(service.clone()),
            Kind::Layered(layered) => Kind::Layered(Layered {
                service: Arc::clone(&layered.service),
                turn: layered.turn.clone(),
                ready: None,
            }),
        })
    }
}

impl<S, Request, Response> fmt::Debug for Path<S, Request, Response> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Path")
            .field("layered", &matches!(self.0, Kind::Layered(_)))
            .finish()
    }
}

/// The future of [`Path`].
#[pin_project]
pub struct PathFuture<F, Response>(#[pin] Calling<F, Response>);

#[pin_project(project = Projected)]
enum Calling<F, Response> {
    Innermost(#[pin] F),
    Layered(Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>),
}

impl<F, Response> Future for PathFuture<F, Response>
where
    F: Future<Output = Result<Response, Error>>,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            Projected::Innermost(future) => future.poll(cx),
            Projected::Layered(future) => future.as_mut().poll(cx),
        }
    }
}

impl<F, Response> fmt::Debug for PathFuture<F, Response> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PathFuture")
    }
}

#[cfg(test)]
mod tests;
