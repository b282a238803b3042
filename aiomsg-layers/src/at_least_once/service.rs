use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{MessageId, Outbound};
use pin_project::{pin_project, pinned_drop};
use tower::Service;

use super::Unacked;

/// A service of messages that keeps each one until it is acknowledged. See the
/// [module](super).
#[derive(Debug, Clone)]
pub struct AtLeastOnce<S> {
    inner: S,
    unacked: Unacked,
}

impl<S> AtLeastOnce<S> {
    pub(super) fn new(inner: S, unacked: Unacked) -> Self {
        Self { inner, unacked }
    }
}

impl<S: Service<Outbound>> Service<Outbound> for AtLeastOnce<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.unacked.poll_room(cx));
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        let (id, message) = self.unacked.insert(message);
        ResponseFuture {
            inner: self.inner.call(message),
            pending: Some((id, self.unacked.clone())),
        }
    }
}

/// The future of [`AtLeastOnce`]: ready when the message is accepted. Dropped
/// before that, the message is not sent.
#[derive(Debug)]
#[pin_project(PinnedDrop)]
pub struct ResponseFuture<F> {
    #[pin]
    inner: F,
    pending: Option<(MessageId, Unacked)>,
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        if let Some((id, unacked)) = this.pending.take()
            && result.is_err()
        {
            unacked.forget(id);
        }
        Poll::Ready(result)
    }
}

#[pinned_drop]
impl<F> PinnedDrop for ResponseFuture<F> {
    fn drop(self: Pin<&mut Self>) {
        if let Some((id, unacked)) = self.project().pending.take() {
            unacked.forget(id);
        }
    }
}
