use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aiomsg_core::BoxError;
use aiomsg_core::sync::Mutex;
use pin_project::pin_project;
use tower::Service;

use super::Fused;
use crate::line::Line;

/// A service that many tasks call. See the [module](super).
///
/// As a [`Service`] it is always ready, and its future waits until the inner service is:
/// readiness belongs to a call, not to a clone.
///
/// ```
/// use aiomsg_layers::shared::Shared;
/// use std::time::Duration;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), tower::BoxError> {
/// let limited = ServiceBuilder::new()
///     .concurrency_limit(1)
///     .service(service_fn(|n: u32| async move { Ok::<_, std::io::Error>(n + 1) }));
/// let shared = Shared::new(limited);
/// let clone = shared.clone();
/// assert_eq!(shared.oneshot(1).await?, 2);
/// assert_eq!(clone.oneshot(2).await?, 3);
/// # Ok(()) }
/// ```
pub struct Shared<S>(Arc<Inner<S>>);

struct Inner<S> {
    service: Mutex<Fused<S>>,
    line: Line,
}

impl<S> Shared<S> {
    /// Shares a service.
    pub fn new(service: S) -> Self {
        Self(Arc::new(Inner {
            service: Mutex::new(Fused::new(service)),
            line: Line::new(),
        }))
    }

    /// Polls the service, and calls it when it is ready, under one lock. The call takes the
    /// request.
    ///
    /// # Errors
    ///
    /// When the service fails to become ready, which ends it. The request stays in place.
    pub fn poll_call<R>(
        &self,
        cx: &mut Context<'_>,
        request: &mut Option<R>,
    ) -> Poll<Result<S::Future, BoxError>>
    where
        S: Service<R, Error: Into<BoxError>>,
    {
        // A layer that panicked must not take everything along.
        let mut service = self.0.service.lock();
        ready!(self.0.line.poll(cx, |cx| service.poll_ready(cx)))?;
        match request.take() {
            Some(request) => Poll::Ready(Ok(service.call(request))),
            // Polled again after it was called: there is nothing to wait for.
            None => Poll::Pending,
        }
    }
}

impl<S, R> Service<R> for Shared<S>
where
    S: Service<R, Error: Into<BoxError>>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = SharedFuture<S, R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        SharedFuture {
            shared: self.clone(),
            request: Some(request),
            called: None,
        }
    }
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// The future of [`Shared`]. If it is dropped before the service was called, the request is not
/// made.
#[pin_project]
pub struct SharedFuture<S: Service<R>, R> {
    shared: Shared<S>,
    request: Option<R>,
    #[pin]
    called: Option<S::Future>,
}

impl<S, R> Future for SharedFuture<S, R>
where
    S: Service<R, Error: Into<BoxError>>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Some(called) = this.called.as_mut().as_pin_mut() {
                return called.poll(cx).map_err(Into::into);
            }
            let future = ready!(this.shared.poll_call(cx, this.request))?;
            this.called.set(Some(future));
        }
    }
}

impl<S: Service<R>, R> fmt::Debug for SharedFuture<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedFuture")
    }
}
