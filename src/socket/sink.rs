//! The socket as a sink.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Error, Outbound};
use futures_sink::Sink;
use tokio_util::sync::ReusableBoxFuture;
use tower::Service;

use super::Socket;
use super::send::{accepted, with_message};
use crate::engine::stack::Sent;

/// The message that a handle is sending: at most one.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Waits for the stack to be ready.
    message: Option<Outbound>,
    /// The message that the stack has to accept. The box is used
    /// again for each message.
    accepting: Option<ReusableBoxFuture<'static, Result<(), Error>>>,
    accepted: bool,
    /// The message that is being accepted, if the stack may not hand it back.
    copy: Option<Outbound>,
}

impl Outgoing {
    fn accept(&mut self, future: impl Future<Output = Result<(), Error>> + Send + 'static) {
        self.accepted = false;
        match &mut self.accepting {
            Some(accepting) => accepting.set(future),
            None => self.accepting = Some(ReusableBoxFuture::new(future)),
        }
    }

    fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.accepting {
            Some(accepting) if !self.accepted => {
                let result = ready!(accepting.poll(cx));
                self.accepted = true;
                let copy = self.copy.take();
                Poll::Ready(result.map_err(|error| with_message(error, copy)))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outgoing")
    }
}

impl<S> Socket<S>
where
    S: Service<Outbound, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    /// Ready when nothing of this handle's waits to be accepted.
    fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.outgoing.poll_accepted(cx))?;
        if self.outgoing.message.is_none() {
            return Poll::Ready(Ok(()));
        }
        let message = &mut self.outgoing.message;
        let now = ready!(self.inner.poll_send_now(cx, message));
        match now.map_err(|error| with_message(error, message.take()))? {
            Sent::Accepted => return Poll::Ready(Ok(())),
            Sent::Called(called) => {
                self.outgoing.accept(called);
                return self.outgoing.poll_accepted(cx);
            }
            Sent::NotNow => {}
        }
        let peer = self.outgoing.message.as_ref().and_then(Outbound::peer);
        if let (Some(direct), Some(peer)) = (&self.inner.direct, peer.cloned()) {
            let (inner, direct) = (Arc::clone(&self.inner), direct.clone());
            if let Some(message) = self.outgoing.message.take() {
                let sending = async move { inner.send_alone(direct, peer, message).await };
                self.outgoing.accept(sending);
            }
            return self.outgoing.poll_accepted(cx);
        }
        if self.inner.direct.is_none() && self.outgoing.copy.is_none() {
            self.outgoing.copy.clone_from(&self.outgoing.message);
        }
        let message = &mut self.outgoing.message;
        let mut started = self.inner.poll_start(cx, message);
        if started.is_pending() {
            // It stands in no line: a sink may not be polled for long, and would hold up
            // those behind it.
            self.inner.line.look_in(cx);
            started = self.inner.poll_start(cx, message);
        }
        let copy = &mut self.outgoing.copy;
        let accepting = ready!(started).map_err(|error| with_message(error, copy.take()))?;
        self.outgoing.accept(accepted(accepting));
        self.outgoing.poll_accepted(cx)
    }
}

/// A socket as a sink sends each message as [`Socket::send_message`] does. A flush waits
/// until they are accepted, not until they are on the wire.
impl<M, S> Sink<M> for Socket<S>
where
    M: Into<Outbound>,
    S: Service<Outbound, Error: Into<BoxError>, Future: Send> + Send + 'static,
{
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_accepted(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: M) -> Result<(), Error> {
        let this = self.get_mut();
        this.outgoing.message = Some(message.into());
        this.inner.check(&mut this.outgoing.message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_accepted(cx)
    }

    /// Flushes. Only [`Socket::close`] closes the socket.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_accepted(cx)
    }
}
