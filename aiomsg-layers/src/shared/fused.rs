use std::fmt;
use std::task::{Context, Poll, ready};

use aiomsg_core::error::{BoxError, Error, ErrorKind, chain};
use tower::Service;

/// A service that is not polled again when it has ended.
///
/// An error from `poll_ready` is the end of a service, which may panic when it is polled once
/// more. From then on this one repeats that error, as an [`Error`] of the kind
/// [`ErrorKind::Layer`].
pub struct Fused<S> {
    service: S,
    /// The error that ended it.
    ended: Option<String>,
}

impl<S> Fused<S> {
    /// Wraps a service.
    pub fn new(service: S) -> Self {
        Self {
            service,
            ended: None,
        }
    }

    /// Polls the service, unless it has ended.
    ///
    /// # Errors
    ///
    /// The error of the service, and later that it has ended.
    pub fn poll_ready<R>(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>>
    where
        S: Service<R, Error: Into<BoxError>>,
    {
        if let Some(reason) = &self.ended {
            let error = Error::new(ErrorKind::Layer);
            return Poll::Ready(Err(error
                .with_reason(format!("a layer has ended before: {reason}"))
                .into()));
        }
        let ready = ready!(self.service.poll_ready(cx)).map_err(Into::into);
        let failed = ready.as_ref().err();
        self.ended = failed.map(|error: &BoxError| chain(&**error).to_string());
        Poll::Ready(ready)
    }

    /// Calls the service. It must be ready.
    pub fn call<R>(&mut self, request: R) -> S::Future
    where
        S: Service<R>,
    {
        self.service.call(request)
    }
}

impl<S> Fused<S> {
    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.service
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.service
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.service
    }
}

impl<S> fmt::Debug for Fused<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fused")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
