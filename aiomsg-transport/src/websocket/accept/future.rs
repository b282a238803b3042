use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use super::Accepting;
use crate::Io;
use crate::websocket::WebSocketGuard;

/// The future of [`WebSockets`](crate::websocket::WebSockets): the connection of the inner
/// service. The upgrade follows, as the connection is first used: within the time of the
/// handshake.
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct AcceptingFuture<F> {
    #[pin]
    inner: F,
    guard: Arc<WebSocketGuard>,
}

impl<F> AcceptingFuture<F> {
    pub(in crate::websocket) fn new(inner: F, guard: Arc<WebSocketGuard>) -> Self {
        Self { inner, guard }
    }
}

impl<F, E> Future for AcceptingFuture<F>
where
    F: Future<Output = Result<Io, E>>,
{
    type Output = Result<Io, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let io = ready!(this.inner.poll(cx))?;
        let guard = Arc::clone(this.guard);
        Poll::Ready(Ok(io.map_stream(|stream| Accepting::new(stream, guard))))
    }
}
