use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{BoxError, Error, ErrorKind, Outbound};
use pin_project::pin_project;
use tower::{Layer, Service};

/// Refuses messages above a size: `builder.layer(MaxSizeLayer::new(1024))`.
#[derive(Debug, Clone)]
pub struct MaxSizeLayer {
    bytes: usize,
}

impl MaxSizeLayer {
    /// The largest payload of a message, in bytes.
    pub fn new(bytes: usize) -> Self {
        Self { bytes }
    }
}

impl<S> Layer<S> for MaxSizeLayer {
    type Service = MaxSize<S>;

    fn layer(&self, inner: S) -> MaxSize<S> {
        MaxSize {
            inner,
            bytes: self.bytes,
        }
    }
}

/// See [`MaxSizeLayer`].
#[derive(Debug, Clone)]
pub struct MaxSize<S> {
    inner: S,
    bytes: usize,
}

impl<S> Service<Outbound> for MaxSize<S>
where
    S: Service<Outbound, Error: Into<BoxError>>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = MaxSizeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        let len = message.payload().len();
        if len <= self.bytes {
            return MaxSizeFuture::Accepted(self.inner.call(message));
        }
        // A refusal does not use the readiness of the inner service, which stays
        // for the next message.
        let error = Error::new(ErrorKind::TooLarge)
            .with_reason(format!("{len} bytes, and {} are allowed", self.bytes))
            .with_message(message);
        MaxSizeFuture::Refused(Some(error))
    }
}

/// The future of [`MaxSize`].
#[derive(Debug)]
#[pin_project(project = Project)]
pub enum MaxSizeFuture<F> {
    /// On its way.
    Accepted(#[pin] F),
    /// Refused, with the message in the error.
    Refused(Option<Error>),
}

impl<F, T, E> Future for MaxSizeFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Accepted(future) => future.poll(cx).map_err(Into::into),
            Project::Refused(error) => match error.take() {
                Some(error) => Poll::Ready(Err(error.into())),
                None => Poll::Pending,
            },
        }
    }
}
