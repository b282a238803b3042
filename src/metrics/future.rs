use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Error};
use pin_project::pin_project;
use tokio::time::Instant;

use super::layer::Handles;

/// The future of [`Metrics`](super::Metrics).
#[pin_project]
pub struct MetricsFuture<F> {
    #[pin]
    inner: F,
    handles: Arc<Handles>,
    /// The time of the call, if it is timed.
    started: Option<Instant>,
}

impl<F> MetricsFuture<F> {
    #[inline]
    pub(super) fn new(inner: F, handles: Arc<Handles>, started: Option<Instant>) -> Self {
        Self {
            inner,
            handles,
            started,
        }
    }
}

impl<F, R, E> Future for MetricsFuture<F>
where
    F: Future<Output = Result<R, E>>,
    E: Into<BoxError>,
{
    type Output = Result<R, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        if let Some(started) = this.started.take() {
            this.handles.seconds.record(started.elapsed());
        }
        Poll::Ready(result.map_err(|error| this.handles.failed(error)))
    }
}

impl<F> fmt::Debug for MetricsFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsFuture").finish_non_exhaustive()
    }
}
