//! The next message to handle.

use std::future::poll_fn;
use std::task::Poll;

use aiomsg_core::{BoxError, Delivery, Error, ErrorKind};
use aiomsg_layers::request::{is_over, wants_failures};
use aiomsg_layers::shared::catch;
use tower::Service;

use super::replies::{Parked, Replies};
use super::{HANDLER, Socket};
use crate::engine::explain;

/// A message that was taken out of the inbox, and waits for the handler to be ready.
///
/// It is taken first: a ready handler holds a reservation, perhaps a permit that others
/// want, and must be called without delay.
pub(super) struct Taken<S> {
    socket: Socket<S>,
    message: Option<Delivery>,
    /// Messages that wait until their peers read replies.
    parked: Parked,
    replies: Replies,
}

impl<S> Taken<S> {
    pub(super) fn new(socket: Socket<S>, replies: Replies) -> Self {
        Self {
            socket,
            message: None,
            parked: Parked::default(),
            replies,
        }
    }

    /// Takes a message, and calls the handler with it when the handler is ready. Returns
    /// `None` when the socket is closed. A dropped future leaves the message here.
    pub(super) async fn hand_to<H>(&mut self, handler: &mut H) -> Result<Option<Called<H>>, Error>
    where
        H: Service<Delivery, Error: Into<BoxError>>,
    {
        loop {
            if !self.take().await {
                return Ok(None);
            }
            let ready = poll_fn(|cx| {
                // First, so that a handler that becomes ready is called.
                if self.message.as_ref().is_some_and(has_expired) {
                    return Poll::Ready(Ok(false));
                }
                match catch(HANDLER, || handler.poll_ready(cx)) {
                    Ok(ready) => ready.map_ok(|()| true).map_err(explain),
                    Err(panicked) => Poll::Ready(Err(panicked)),
                }
            })
            .await;
            let Some(message) = self.message.take() else {
                continue;
            };
            match ready {
                Ok(true) => {
                    // A handler that panics costs only this message, whether it panics here
                    // or in its future.
                    let called = catch(HANDLER, || handler.call(message.clone()));
                    return Ok(Some((message, called)));
                }
                Ok(false) => {
                    self.expire(message);
                    // An inbox full of them must not hold up everything else.
                    tokio::task::coop::consume_budget().await;
                }
                Err(error) => {
                    self.socket.refuse(message, not_ready(&error));
                    return Err(error);
                }
            }
        }
    }

    /// Takes the next message, unless one is here. Returns `false` when the socket is closed.
    async fn take(&mut self) -> bool {
        while self.message.is_none() {
            self.message = self.parked.next(&self.replies);
            if self.message.is_some() {
                break;
            }
            let Some(next) = poll_fn(|cx| self.socket.inner.poll_recv(cx)).await else {
                return false;
            };
            let peer = next.from();
            if self.parked.has(peer) || self.replies.are_many(peer) {
                let holds = &self.socket.engine().holds;
                self.parked.keep(next, |peer| holds.of(peer));
            } else {
                self.message = Some(next);
            }
        }
        true
    }

    /// Drops a message whose sender waits no longer.
    fn expire(&self, message: Delivery) {
        // Or it comes again, with all of its time.
        self.socket.acknowledge(&message);
        let error = Error::new(ErrorKind::Timeout)
            .with_reason("its sender stopped waiting before it was handled");
        self.socket.engine().reporter.expired(message, error);
    }
}

/// Whether nobody waits for the answer any more. A message that is no request may have the
/// header as well: a forwarded one, for example.
fn has_expired(message: &Delivery) -> bool {
    message.deadline().is_some_and(is_over) && wants_failures(message)
}

/// The error for a message that was not handled. The error of the handler goes to the
/// caller of [`Socket::serve`].
fn not_ready(error: &Error) -> Error {
    Error::new(error.kind()).with_reason(format!("the handler is not ready: {}", error.chain()))
}

/// A message, and the future of the handler, or an error if it panicked.
pub(super) type Called<H> = (Delivery, Result<<H as Service<Delivery>>::Future, Error>);

/// Reports the messages that were taken and not handled.
impl<S> Drop for Taken<S> {
    fn drop(&mut self) {
        for message in self.message.take().into_iter().chain(self.parked.take()) {
            self.socket.refuse(message, ErrorKind::Closed.into());
        }
    }
}
