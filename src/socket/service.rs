//! The socket as a service of messages.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use aiomsg_core::{Error, Outbound};
use tower::Service;

use super::Socket;
use crate::layer::SendService;

/// A handle of a socket is a service of messages, for stacks around the whole socket, and
/// for layers such as [`RequestLayer`](aiomsg_layers::request::RequestLayer).
///
/// It is always ready, and the future waits for room as
/// [`send_message`](Socket::send_message) does: readiness belongs to one call, and other
/// handles send through the same stack. Each call costs a box. A layer of
/// [`SocketBuilder::layer`](crate::SocketBuilder::layer) costs none.
impl<S: SendService + Send> Service<Outbound> for Socket<S> {
    type Response = ();
    type Error = Error;
    type Future = SendFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Outbound) -> SendFuture {
        let socket = self.clone();
        SendFuture(Box::pin(async move { socket.send_message(message).await }))
    }
}

/// The future of a [`Socket`] as a service, ready when the message is accepted.
///
/// Dropping it before that drops the message unsent.
#[must_use = "futures do nothing unless polled"]
pub struct SendFuture(Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>);

impl Future for SendFuture {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for SendFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendFuture")
    }
}
