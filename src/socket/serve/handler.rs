//! Services and functions as handlers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{Delivery, IntoOutcome};
use pin_project::pin_project;
use tower::Service;

/// A handler of messages for [`Socket::serve`](crate::Socket::serve): a
/// [`tower::Service`] of [`Delivery`], or an async function of one. With the feature `json`,
/// also an async function of a `Json`.
///
/// The trait implements itself. `M` says which of them it is, and the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler of messages",
    label = "not a handler",
    note = "a handler is an `async fn(Delivery)`, whose outcome is a reply or a `Result` of one; \
            as a closure: `|message: Delivery| async move {{ ... }}`, with the type of the argument",
    note = "or it is a `tower::Service<Delivery>`, or, with the feature `json`, an \
            `async fn(Json<T>)`",
    note = "a reply is `()`, `Bytes`, `Vec<u8>`, `String` or `&'static str`, or an `Option` of \
            one of these"
)]
pub trait Handler<M> {
    /// The handler as a service.
    type Service: Service<Delivery>;

    /// Makes a service of the handler.
    fn into_service(self) -> Self::Service;
}

/// Says that a [`Handler`] is a service.
#[derive(Debug)]
pub enum AsService {}

/// Says that a [`Handler`] is a function.
#[derive(Debug)]
pub enum AsFunction {}

#[diagnostic::do_not_recommend]
impl<H: Service<Delivery>> Handler<AsService> for H {
    type Service = H;

    fn into_service(self) -> H {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<F, O> Handler<AsFunction> for F
where
    F: FnMut(Delivery) -> O,
    O: Future<Output: IntoOutcome>,
{
    type Service = HandlerFn<F>;

    fn into_service(self) -> HandlerFn<F> {
        HandlerFn(self)
    }
}

// ===== HandlerFn =====

/// An async function as a service of messages. It is always ready.
#[derive(Clone, Copy)]
pub struct HandlerFn<F>(F);

impl<F, O> Service<Delivery> for HandlerFn<F>
where
    F: FnMut(Delivery) -> O,
    O: Future<Output: IntoOutcome>,
{
    type Response = <O::Output as IntoOutcome>::Reply;
    type Error = <O::Output as IntoOutcome>::Error;
    type Future = HandlerFuture<O>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Delivery) -> HandlerFuture<O> {
        HandlerFuture((self.0)(message))
    }
}

impl<F> fmt::Debug for HandlerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerFn")
    }
}

/// The future of [`HandlerFn`].
#[pin_project]
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct HandlerFuture<O>(#[pin] O);

impl<O: Future<Output: IntoOutcome>> Future for HandlerFuture<O> {
    type Output = Result<<O::Output as IntoOutcome>::Reply, <O::Output as IntoOutcome>::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(self.project().0.poll(cx)).into_outcome())
    }
}
