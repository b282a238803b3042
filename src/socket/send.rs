//! Sending.

use std::future::poll_fn;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Error, ErrorKind, Identity, Outbound};
use bytes::Bytes;
use tower::Service;

use super::{Inner, Socket};
use crate::engine::explain;

impl<S> Socket<S>
where
    S: Service<Outbound, Error: Into<BoxError>> + 'static,
{
    /// Sends a message, as the socket's send mode says.
    ///
    /// Returns when the message is accepted: in the queue of a peer, or in a
    /// buffer while nobody is connected. Waits while there is no room.
    ///
    /// # Errors
    ///
    /// When the message is larger than
    /// [`max_message_size`](crate::SocketBuilder::max_message_size)
    /// ([`Error::is_too_large`]) and when the socket is closed
    /// ([`Error::is_closed`]). With layers around the stack, also when one of
    /// them fails: with the [`Error`] in the layer's error if there is one, or
    /// with the layer's error as the source ([`Error::is_layer`]).
    /// [`Error::take_message`] hands the message back.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped before it is ready, the message was not
    /// sent; it is dropped with the future.
    pub async fn send(&self, payload: impl Into<Bytes>) -> Result<(), Error> {
        self.send_message(Outbound::new(payload)).await
    }

    /// Sends a message to one peer, whatever the send mode.
    ///
    /// If the peer is not connected, the message waits for it, up to
    /// [`absent_timeout`](crate::SocketBuilder::absent_timeout).
    ///
    /// # Errors
    ///
    /// As for [`send`](Socket::send).
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Socket::send).
    pub async fn send_to(
        &self,
        peer: impl Into<Identity>,
        payload: impl Into<Bytes>,
    ) -> Result<(), Error> {
        self.send_message(Outbound::new(payload).to(peer.into()))
            .await
    }

    /// Sends a message, and waits until its peer has acknowledged it: with
    /// [`at_least_once`](crate::SocketBuilder::at_least_once).
    ///
    /// When it has to wait for room, for a peer and for resends, all of that
    /// is in the wait; layers around the stack, such as tower's `Timeout`, see
    /// it as one call.
    ///
    /// ```
    /// use aiomsg::Socket;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let server = Socket::new()?;
    /// let endpoint = server.bind("127.0.0.1:0").await?;
    /// let client = Socket::builder().at_least_once().build()?;
    /// client.connect(endpoint)?;
    /// client.send_acked("it is there when this returns").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`send`](Socket::send); when no try is left
    /// ([`Error::is_timeout`], and no event tells of it); when the socket is
    /// closed before the acknowledgement comes, and then the message is in the
    /// [report](crate::CloseReport); and when the socket sends at-most-once
    /// ([`Error::is_config`]).
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped before it is ready, the message is not sent
    /// again. It may have arrived.
    pub async fn send_acked(&self, payload: impl Into<Bytes>) -> Result<(), Error> {
        self.send_message(Outbound::new(payload).until_acked())
            .await
    }

    /// Sends text, as UTF-8.
    ///
    /// # Errors
    ///
    /// As for [`send`](Socket::send).
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Socket::send).
    pub async fn send_text(&self, text: impl Into<String>) -> Result<(), Error> {
        self.send(text.into()).await
    }

    /// Sends a message with all that it has: the way back for
    /// [`Error::take_message`].
    ///
    /// # Errors
    ///
    /// As for [`send`](Socket::send).
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Socket::send).
    pub async fn send_message(&self, message: impl Into<Outbound>) -> Result<(), Error> {
        let mut message = Some(self.inner.check(message.into())?);
        if self.inner.try_send(&mut message) {
            return Ok(());
        }
        // Our own stack hands a refused message back. Layers of others need
        // not, and what they were given is theirs: so a copy is kept.
        let copy = self
            .inner
            .direct
            .is_none()
            .then(|| message.clone())
            .flatten();
        let result = match self.inner.start(&mut message).await {
            Ok(accepting) => accepting.await.map(drop).map_err(explain),
            Err(error) => Err(error),
        };
        result.map_err(|error| with_message(error, copy))
    }
}

pub(super) fn with_message(error: Error, message: Option<Outbound>) -> Error {
    match message {
        Some(message) if error.message().is_none() => error.with_message(message),
        _ => error,
    }
}

impl<S> Inner<S> {
    /// Refuses what cannot be sent.
    pub(super) fn check(&self, message: Outbound) -> Result<Outbound, Error> {
        let limit = self.engine.config.max_message;
        let len = message.payload().len();
        if len > limit {
            return Err(Error::new(ErrorKind::TooLarge)
                .with_reason(format!("the message has {len} bytes, the limit is {limit}"))
                .with_message(message));
        }
        if self.engine.closing.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed).with_message(message));
        }
        if message.is_until_acked() && self.engine.unacked.is_none() {
            return Err(Error::new(ErrorKind::Config)
                .with_reason("only a socket that sends at-least-once hears acknowledgements")
                .with_message(message));
        }
        // Ids are for the at-least-once layer to give: of others nobody would
        // send the message again.
        Ok(message.without_id())
    }
}

impl<S> Inner<S>
where
    S: Service<Outbound, Error: Into<BoxError>> + 'static,
{
    /// Sends the message if there are no layers, nobody waits, and it can be
    /// done at once. Otherwise it stays where it is.
    pub(super) fn try_send(&self, message: &mut Option<Outbound>) -> bool {
        if let Some(direct) = &self.direct
            && self.queue.waiting.load(Ordering::Relaxed) == 0
            && let Some(sent) = message.take()
        {
            *message = direct.try_send(sent).err();
            return message.is_none();
        }
        false
    }

    /// Hands the message to the stack when that is ready.
    ///
    /// One task waits for the stack at a time, and the others wait for their
    /// turn, in order: a stack that becomes ready for one message is not to
    /// wake ten thousand tasks.
    async fn start(&self, message: &mut Option<Outbound>) -> Result<S::Future, Error> {
        let turn = match self.queue.waiting.load(Ordering::Relaxed) {
            0 => {
                let once = poll_fn(|cx| Poll::Ready(self.poll_start(cx, message)));
                if let Poll::Ready(started) = once.await {
                    return started;
                }
                self.queue.turn().await
            }
            _ => self.queue.turn().await,
        };
        let started = poll_fn(|cx| self.poll_start(cx, message)).await;
        drop(turn);
        started
    }

    /// Hands the message to the stack when that is ready. Readiness and call
    /// are under one lock: what the stack reserves is used at once, by the
    /// same caller.
    pub(super) fn poll_start(
        &self,
        cx: &mut Context<'_>,
        message: &mut Option<Outbound>,
    ) -> Poll<Result<S::Future, Error>> {
        let mut stack = self.stack.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = ready!(self.callers.poll(cx, |cx| {
            // Asked anew each time: whoever waits when the socket closes is
            // woken, and refused.
            if self.engine.closing.load(Ordering::Acquire) {
                return Poll::Ready(Err(ErrorKind::Closed.into()));
            }
            stack.poll_ready(cx).map_err(explain)
        }));
        let Some(message) = message.take() else {
            // Polled again after it was ready: there is nothing to wait for.
            return Poll::Pending;
        };
        Poll::Ready(match ready {
            Ok(()) => Ok(stack.call(message)),
            Err(error) => Err(with_message(error, Some(message))),
        })
    }
}
