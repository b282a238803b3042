//! The standard stack of the send path, as a type.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::queue::Queue;
use aiomsg_core::{Error, Outbound};
use aiomsg_layers::at_least_once::{AtLeastOnce, ResponseFuture};
use aiomsg_layers::buffer::{Buffer, BufferFuture};
use aiomsg_layers::route::{AnyPolicy, Changes, Router};
use tower::Service;

pub(crate) type StandardRouter = Router<Changes<Queue<Outbound>>, AnyPolicy>;
pub(crate) type StandardBuffer = Buffer<StandardRouter>;

/// `AtLeastOnce` is there or not; what is not asked for costs nothing.
#[derive(Debug, Clone)]
pub(crate) enum Stack {
    AtMostOnce(StandardBuffer),
    AtLeastOnce(AtLeastOnce<StandardBuffer>),
}

/// The future of [`Stack`]: ready when the message is accepted.
#[derive(Debug)]
pub(crate) enum StackFuture {
    AtMostOnce(BufferFuture<StandardRouter>),
    AtLeastOnce(ResponseFuture<BufferFuture<StandardRouter>>),
}

impl Service<Outbound> for Stack {
    type Response = ();
    type Error = Error;
    type Future = StackFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Self::AtMostOnce(service) => service.poll_ready(cx),
            Self::AtLeastOnce(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, message: Outbound) -> StackFuture {
        match self {
            Self::AtMostOnce(service) => StackFuture::AtMostOnce(service.call(message)),
            Self::AtLeastOnce(service) => StackFuture::AtLeastOnce(service.call(message)),
        }
    }
}

impl Future for StackFuture {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::AtMostOnce(future) => Pin::new(future).poll(cx),
            Self::AtLeastOnce(future) => Pin::new(future).poll(cx),
        }
    }
}
