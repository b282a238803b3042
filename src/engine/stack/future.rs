use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{Error, Outbound};
use aiomsg_layers::at_least_once::ResponseFuture;
use aiomsg_layers::driven::DrivenFuture;
use tower::Service;

use super::{Core, Stack};

type CoreFuture = <Core as Service<Outbound>>::Future;

/// The future of [`Stack`].
#[derive(Debug)]
pub(crate) enum StackFuture {
    AtMostOnce(CoreFuture),
    AtLeastOnce(ResponseFuture<CoreFuture>),
    Accepted,
}

impl StackFuture {
    /// Ready when the message is accepted, also where its acknowledgement is waited
    /// for. To be awaited afterwards, unless it has failed.
    #[inline]
    pub(crate) fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::AtMostOnce(future) => {
                ready!(Pin::new(future).poll(cx))?;
                *self = Self::Accepted;
                Poll::Ready(Ok(()))
            }
            Self::AtLeastOnce(future) => Pin::new(future).poll_accepted(cx),
            Self::Accepted => Poll::Ready(Ok(())),
        }
    }
}

impl Future for StackFuture {
    type Output = Result<(), Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::AtMostOnce(future) => Pin::new(future).poll(cx),
            Self::AtLeastOnce(future) => Pin::new(future).poll(cx),
            Self::Accepted => Poll::Ready(Ok(())),
        }
    }
}

/// The future of [`StandardSend`](super::StandardSend): ready when the message is accepted. Dropped
/// before that, the message is not sent.
#[derive(Debug)]
pub struct StandardFuture(Sending);

#[derive(Debug)]
enum Sending {
    Called(DrivenFuture<Stack, Stack>),
    /// The stack has not seen the message. The error was returned if there is none.
    Refused(Option<Box<Error>>),
}

impl StandardFuture {
    pub(super) fn called(future: DrivenFuture<Stack, Stack>) -> Self {
        Self(Sending::Called(future))
    }

    pub(super) fn refused(error: Error) -> Self {
        Self(Sending::Refused(Some(Box::new(error))))
    }
}

impl Future for StandardFuture {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            Sending::Called(future) => Pin::new(future).poll(cx),
            Sending::Refused(error) => match error.take() {
                Some(error) => Poll::Ready(Err(*error)),
                None => Poll::Pending,
            },
        }
    }
}
