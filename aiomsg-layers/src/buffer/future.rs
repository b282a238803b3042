use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::Error;
use pin_project::pin_project;

/// The future of [`Buffer`](super::Buffer). For a held message it is ready at once, and for any
/// other with the future of the inner service.
#[pin_project]
pub struct BufferFuture<F>(#[pin] Sending<F>);

#[pin_project(project = Project)]
enum Sending<F> {
    Inner(#[pin] F),
    Held(Option<Result<(), Error>>),
}

impl<F> BufferFuture<F> {
    #[inline]
    pub(super) fn inner(future: F) -> Self {
        Self(Sending::Inner(future))
    }

    pub(super) fn held(result: Result<(), Error>) -> Self {
        Self(Sending::Held(Some(result)))
    }
}

impl<F, E> Future for BufferFuture<F>
where
    F: Future<Output = Result<(), E>>,
    E: From<Error>,
{
    type Output = Result<(), E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            Project::Inner(future) => future.poll(cx),
            // It was ready before.
            Project::Held(result) => result.take().map_or(Poll::Pending, |result| {
                Poll::Ready(result.map_err(Into::into))
            }),
        }
    }
}

impl<F> fmt::Debug for BufferFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BufferFuture")
    }
}
