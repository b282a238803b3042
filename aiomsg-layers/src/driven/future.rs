use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Error, Outbound};
use pin_project::pin_project;
use tower::Service;

use super::At;
use super::handle::later;

/// The future of [`Driven`](super::Driven), around that of the stack.
#[pin_project]
pub struct DrivenFuture<S, T: Service<Outbound>>(#[pin] Sending<S, T>);

#[pin_project(project = Project)]
enum Sending<S, T: Service<Outbound>> {
    Called(#[pin] T::Future),
    Failed(Option<Error>),
    /// The stack itself sends this message: it is called when this thread has left the stack.
    Later(At<S, T>, Option<Outbound>),
}

impl<S, T: Service<Outbound>> DrivenFuture<S, T> {
    pub(super) fn called(future: T::Future) -> Self {
        Self(Sending::Called(future))
    }

    pub(super) fn failed(error: Error) -> Self {
        Self(Sending::Failed(Some(error)))
    }

    pub(super) fn later(at: At<S, T>, message: Outbound) -> Self {
        Self(Sending::Later(at, Some(message)))
    }
}

impl<S, T> Future for DrivenFuture<S, T>
where
    T: Service<Outbound, Response = (), Error: From<Error>>,
{
    type Output = Result<(), T::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let called = match self.as_mut().project().0.project() {
                Project::Called(future) => return future.poll(cx),
                // It was ready before.
                Project::Failed(error) => {
                    let failed = |error: Error| Poll::Ready(Err(error.into()));
                    return error.take().map_or(Poll::Pending, failed);
                }
                Project::Later(at, _) if at.get_ref().is_held() => return later(cx),
                Project::Later(at, message) => match message.take() {
                    Some(message) => at.call(message),
                    None => return Poll::Pending,
                },
            };
            self.set(called);
        }
    }
}

impl<S, T: Service<Outbound>> fmt::Debug for DrivenFuture<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DrivenFuture")
    }
}
