use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::{BoxError, Delivery, Error, Outbound};
use tower::Service;

use super::MetricsFuture;
use super::layer::Handles;
use super::pace::Pace;
use super::spare;
use super::tally::Tally;

/// The service of [`MetricsLayer`](super::MetricsLayer).
#[derive(Debug, Clone)]
pub struct Metrics<S> {
    inner: S,
    tally: Tally,
    pace: Pace,
}

impl<S> Metrics<S> {
    pub(super) fn new(inner: S, handles: Arc<Handles>) -> Self {
        Self {
            inner,
            tally: Tally::new(handles),
            pace: Pace::new(),
        }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service, without the layer.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// A message whose payload is measured: [`Outbound`] or [`Delivery`].
pub trait Payload: sealed::Sealed {
    #[doc(hidden)]
    fn payload_len(&self) -> usize;
}

impl Payload for Outbound {
    #[inline]
    fn payload_len(&self) -> usize {
        self.payload().len()
    }
}

impl Payload for Delivery {
    #[inline]
    fn payload_len(&self) -> usize {
        self.payload().len()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for aiomsg_core::Outbound {}
    impl Sealed for aiomsg_core::Delivery {}
}

impl<S, M> Service<M> for Metrics<S>
where
    S: Service<M, Error: Into<BoxError>>,
    M: Payload,
{
    type Response = S::Response;
    type Error = Error;
    type Future = MetricsFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner
            .poll_ready(cx)
            .map_err(|error| self.tally.handles().failed(error))
    }

    #[inline]
    fn call(&mut self, message: M) -> MetricsFuture<S::Future> {
        let started = self.pace.start();
        self.tally.count(message.payload_len(), started.is_none());
        let handles = spare::handle(self.tally.handles());
        MetricsFuture::new(self.inner.call(message), handles, started)
    }
}
