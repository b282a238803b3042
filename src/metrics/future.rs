use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Error};
use pin_project::pin_project;
use tokio::time::Instant;

use super::layer::Handles;
use super::spare;
use crate::engine::explain;

/// The future of [`Metrics`](super::Metrics).
#[pin_project]
pub struct MetricsFuture<F> {
    #[pin]
    inner: F,
    /// `None` when it has ended.
    handles: Option<Arc<Handles>>,
    /// The time of the call, if it is timed.
    started: Option<Instant>,
}

impl<F> MetricsFuture<F> {
    #[inline]
    pub(super) fn new(inner: F, handles: Arc<Handles>, started: Option<Instant>) -> Self {
        Self {
            inner,
            handles: Some(handles),
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
        let Some(handles) = this.handles.take() else {
            return Poll::Ready(result.map_err(explain));
        };
        if let Some(started) = this.started.take() {
            handles.seconds.record(started.elapsed());
        }
        let result = result.map_err(|error| handles.failed(error));
        spare::give_back(handles);
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for MetricsFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsFuture").finish_non_exhaustive()
    }
}
