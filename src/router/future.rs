use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Error};
use aiomsg_layers::request::RequestId;

use super::reply::RouterReply;
use super::route::Handling;

/// The future of [`Router`](super::Router): ready when the message is handled.
///
/// # Cancel safety
///
/// Dropping it drops the future of the handler.
#[must_use = "futures do nothing unless polled"]
pub struct RouterFuture(Stage);

enum Stage {
    /// With the id of a request.
    Handling(Handling, Option<RequestId>),
    Refused(Option<Error>),
}

impl RouterFuture {
    pub(super) fn handling(handling: Handling, id: Option<RequestId>) -> Self {
        Self(Stage::Handling(handling, id))
    }

    pub(super) fn refused(error: Error) -> Self {
        Self(Stage::Refused(Some(error)))
    }
}

impl Future for RouterFuture {
    type Output = Result<RouterReply, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Stage::Handling(handling, id) => {
                let Some(mut reply) = ready!(handling.as_mut().poll(cx))? else {
                    return Poll::Ready(Ok(RouterReply::default()));
                };
                if let Some(id) = id {
                    // Its sender waits for some answer.
                    let payload = reply.payload.take().unwrap_or_default();
                    reply.payload = Some(id.answer(&payload));
                }
                Poll::Ready(Ok(reply))
            }
            // Polled again after it was ready: there is nothing to wait for.
            Stage::Refused(error) => error
                .take()
                .map_or(Poll::Pending, |error| Poll::Ready(Err(error.into()))),
        }
    }
}

impl fmt::Debug for RouterFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterFuture").finish_non_exhaustive()
    }
}
