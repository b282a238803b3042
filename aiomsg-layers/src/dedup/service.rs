use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Delivery};
use pin_project::pin_project;
use tower::Service;

use super::window::{InHand, Known, Outcome, Window};

/// A service that handles each message once. See the [module](super).
///
/// The response is `None` for a message that was handled before.
#[derive(Debug, Clone)]
pub struct Dedup<S> {
    inner: S,
    window: Arc<Window>,
}

impl<S> Dedup<S> {
    pub(super) fn new(inner: S, window: Arc<Window>) -> Self {
        Self { inner, window }
    }

    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// A message came again while it was being handled, and the handling failed. It must not
/// be acknowledged, and may come once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message came again while it was being handled, and handling it failed")]
#[non_exhaustive]
pub struct FirstFailed;

impl<S> Service<Delivery> for Dedup<S>
where
    S: Service<Delivery, Error: Into<BoxError>>,
{
    type Response = Option<S::Response>;
    type Error = BoxError;
    type Future = DedupFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        let Some(id) = message.id() else {
            return DedupFuture(State::Handling(self.inner.call(message), None));
        };
        // A message that is not forwarded leaves the readiness of the inner service to the
        // next one.
        match self.window.look((message.from().clone(), id)) {
            Known::New(in_hand) => {
                let handling = self.inner.call(message);
                DedupFuture(State::Handling(handling, Some(in_hand)))
            }
            Known::Elsewhere(outcome) => DedupFuture(State::Elsewhere(outcome)),
            Known::Handled => DedupFuture(State::Handled),
        }
    }
}

/// The future of [`Dedup`]. If it is dropped before it is ready, its message is handled
/// when it comes again.
#[pin_project]
pub struct DedupFuture<F>(#[pin] State<F>);

#[pin_project(project = Project)]
enum State<F> {
    Handling(#[pin] F, Option<InHand>),
    Elsewhere(Outcome),
    Handled,
}

impl<F, T, E> Future for DedupFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Option<T>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            Project::Handling(future, in_hand) => {
                let response = ready!(future.poll(cx)).map_err(Into::into);
                let in_hand = in_hand.take();
                if let (Ok(_), Some(in_hand)) = (&response, in_hand) {
                    in_hand.handled();
                }
                Poll::Ready(response.map(Some))
            }
            Project::Elsewhere(outcome) => Poll::Ready(match ready!(outcome.poll(cx)) {
                true => Ok(None),
                false => Err(FirstFailed.into()),
            }),
            Project::Handled => Poll::Ready(Ok(None)),
        }
    }
}

impl<F> fmt::Debug for DedupFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DedupFuture")
    }
}
