//! The socket as a sink.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{Error, Outbound};
use futures_sink::Sink;

use super::Socket;
use crate::engine::stack::StackFuture;

/// What a handle is about to send: at most one message.
#[derive(Default)]
pub(crate) struct Outgoing {
    /// Waits for the stack to be ready.
    message: Option<Outbound>,
    /// Was given to the stack, and waits to be accepted.
    accepting: Option<StackFuture>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing")
    }
}

impl Socket {
    /// Ready when nothing of this handle's waits to be accepted.
    fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.outgoing.message.is_some() {
            let started = ready!(self.inner.poll_start(cx, &mut self.outgoing.message));
            self.outgoing.accepting = Some(started?);
        }
        if let Some(accepting) = &mut self.outgoing.accepting {
            let accepted = ready!(Pin::new(accepting).poll(cx));
            self.outgoing.accepting = None;
            accepted?;
        }
        Poll::Ready(Ok(()))
    }
}

use std::future::Future;

/// Sends each message as [`Socket::send_message`] does. A flush waits until
/// they are accepted, not until they are on the wire.
impl<M: Into<Outbound>> Sink<M> for Socket {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_accepted(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), Error> {
        let this = self.get_mut();
        this.outgoing.message = Some(this.inner.check(message.into())?);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_accepted(cx)
    }

    /// Flushes. The socket is closed with [`Socket::close`], not by a handle
    /// of it that is done.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_accepted(cx)
    }
}
