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
/// before that, the message is not sent. Most messages are accepted within the call, and those are
/// sent whatever becomes of the future.
///
/// It is small, since each layer moves it: what waits is boxed, and most messages do not wait.
#[derive(Debug)]
pub struct StandardFuture(Sending);

#[derive(Debug)]
enum Sending {
    Done(Option<Result<(), Error>>),
    Called(Box<StackFuture>),
    NotNow(Box<DrivenFuture<Stack, Stack>>),
}

impl StandardFuture {
    /// After the first poll of the stack's future, which is here if it was pending.
    #[inline]
    pub(super) fn called(sent: Result<Option<StackFuture>, Error>) -> Self {
        Self(match sent {
            Ok(None) => Sending::Done(Some(Ok(()))),
            Ok(Some(future)) => Sending::Called(Box::new(future)),
            Err(error) => Sending::Done(Some(Err(error))),
        })
    }

    /// The stack is closed, or itself sends this message.
    #[cold]
    pub(super) fn not_now(future: DrivenFuture<Stack, Stack>) -> Self {
        Self(Sending::NotNow(Box::new(future)))
    }
}

impl Future for StandardFuture {
    type Output = Result<(), Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            // It was ready before.
            Sending::Done(result) => result.take().map_or(Poll::Pending, Poll::Ready),
            Sending::Called(future) => Pin::new(&mut **future).poll(cx),
            Sending::NotNow(future) => Pin::new(&mut **future).poll(cx),
        }
    }
}
