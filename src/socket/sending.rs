//! One send, from the first poll to its end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Error, Outbound};
use aiomsg_layers::shared::Caught;
use pin_project::pin_project;
use tower::Service;

use super::Inner;
use super::kept::Kept;
use super::send::with_message;
use crate::engine::explain;
use crate::engine::stack::{Sent, StackFuture};

/// A send: at once where that can be done, and else by `otherwise`.
///
/// Written by hand, so that the message is where it is until it is moved into
/// the queue of its peer. An `async fn` moves it about once for each function on
/// the way there, and that was half of what a small message cost.
#[pin_project]
pub(super) struct Sending<'a, S: Service<Outbound>, W, F> {
    inner: &'a Inner<S>,
    /// The message or, while layers have it, a copy.
    message: Option<Outbound>,
    /// Layers have been called with the message.
    #[pin]
    accepting: Option<Caught<S::Future>>,
    /// It is in the stack already, and waits there.
    called: Option<Box<StackFuture>>,
    otherwise: W,
    #[pin]
    waiting: Option<F>,
}

impl<'a, S, W, F> Sending<'a, S, W, F>
where
    S: Service<Outbound>,
    W: Fn(&'a Inner<S>, Outbound) -> F,
{
    #[inline]
    pub(super) fn new(inner: &'a Inner<S>, message: Outbound, otherwise: W) -> Self {
        Self {
            inner,
            message: Some(message),
            accepting: None,
            called: None,
            otherwise,
            waiting: None,
        }
    }
}

impl<'a, S, W, F> Future for Sending<'a, S, W, F>
where
    S: Service<Outbound, Error: Into<BoxError>> + 'static,
    W: Fn(&'a Inner<S>, Outbound) -> F,
    F: Future<Output = Result<(), Error>>,
{
    type Output = Result<(), Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.message.is_some() && this.accepting.is_none() {
            if let Err(error) = this.inner.check(this.message) {
                return Poll::Ready(Err(error));
            }
            match ready!(this.inner.poll_send_now(cx, this.message)) {
                Ok(Sent::Accepted) => return Poll::Ready(Ok(())),
                // It has registered this task.
                Ok(Sent::Called(called)) => {
                    *this.called = Some(called);
                    return Poll::Pending;
                }
                Ok(Sent::NotNow) => {
                    if let Poll::Ready(sent) =
                        this.inner
                            .poll_layered(cx, this.message, this.accepting.as_mut())
                    {
                        return Poll::Ready(sent);
                    }
                }
                Err(error) => {
                    return Poll::Ready(Err(with_message(error, this.message.take())));
                }
            }
            if this.accepting.is_some() {
                // It has registered this task.
                return Poll::Pending;
            }
            if let Some(message) = this.message.take() {
                let waiting = (this.otherwise)(this.inner, message);
                this.waiting.set(Some(waiting));
            }
        }
        if let Some(accepting) = this.accepting.as_pin_mut() {
            let sent = ready!(poll_accepted(accepting, cx));
            let copy = this.message.take();
            return Poll::Ready(sent.map_err(|error| with_message(error, copy)));
        }
        match (this.waiting.as_pin_mut(), this.called) {
            (Some(waiting), _) => waiting.poll(cx),
            (None, Some(called)) => Pin::new(&mut **called).poll(cx),
            // It was ready before.
            (None, None) => Poll::Pending,
        }
    }
}

impl<S> Inner<S>
where
    S: Service<Outbound, Error: Into<BoxError>> + 'static,
{
    /// Sends the message through the layers, if there are any, nobody waits, and they are ready.
    /// When they have the message and are not done with it, `accepting` is their future and
    /// `message` a copy.
    #[inline]
    fn poll_layered(
        &self,
        cx: &mut Context<'_>,
        message: &mut Option<Outbound>,
        mut accepting: Pin<&mut Option<Caught<S::Future>>>,
    ) -> Poll<Result<(), Error>> {
        let Some(kept) = message.as_ref().filter(|_| self.direct.is_none()) else {
            return Poll::Pending;
        };
        let kept = Kept::of(kept);
        let sent = match ready!(self.poll_layers(cx, message)) {
            Ok(called) => {
                accepting.set(Some(called));
                match accepting.as_pin_mut() {
                    Some(accepting) => poll_accepted(accepting, cx),
                    None => Poll::Pending,
                }
            }
            Err(error) => Poll::Ready(Err(error)),
        };
        match sent {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(with_message(error, Some(kept.restore())))),
            Poll::Pending => {
                *message = Some(kept.restore());
                Poll::Pending
            }
        }
    }
}

/// The outcome of the layers. One that panics fails this message, and not its sender.
#[inline]
fn poll_accepted<F, T, E>(
    accepting: Pin<&mut Caught<F>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    Poll::Ready(match ready!(accepting.poll(cx)) {
        Ok(accepted) => accepted.map(drop).map_err(explain),
        Err(panicked) => Err(panicked),
    })
}
