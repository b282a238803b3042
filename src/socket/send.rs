//! Sending.

use std::future::{Future, poll_fn};
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use aiomsg_core::hook::Holding;
use aiomsg_core::{BoxError, Error, ErrorKind, Identity, IntoPayload, Outbound};
use aiomsg_layers::shared::{Caught, catch, caught};
use tower::Service;

use super::sending::Sending;
use super::{Inner, Socket};
use crate::SendMode;
use crate::engine::explain;
use crate::engine::gate::LAYER;
use crate::engine::stack::{Sent, StandardSend, header_error};
use crate::layer::SendService;

impl<S: SendService> Socket<S> {
    /// Sends a message by the socket's send mode.
    ///
    /// Returns when the message is accepted: in the queue of a peer, or in the buffer
    /// while no peer is connected. Waits while there is no room.
    ///
    /// The payload is text or bytes, owned or borrowed: see
    /// [`IntoPayload`](crate::message::IntoPayload).
    ///
    /// # Errors
    ///
    /// When the message is larger than
    /// [`max_message_size`](crate::SocketBuilder::max_message_size)
    /// ([`Error::is_too_large`]) and when the socket is closed
    /// ([`Error::is_closed`]). With layers around the stack, also when one of them
    /// fails or panics: with the [`Error`] in the layer's error if there is one, or
    /// with the layer's error as the source ([`Error::is_layer`]).
    /// [`Error::take_message`] hands the message back.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready drops the message unsent.
    #[inline]
    pub fn send(&self, payload: impl IntoPayload) -> impl Future<Output = Result<(), Error>> {
        self.send_message(Outbound::new(payload))
    }

    /// Sends a message to one peer, whatever the send mode.
    ///
    /// The message waits for an absent peer, up to
    /// [`absent_timeout`](crate::SocketBuilder::absent_timeout).
    ///
    /// # Errors
    ///
    /// As for [`send`](Socket::send).
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Socket::send).
    #[inline]
    pub fn send_to(
        &self,
        peer: impl Into<Identity>,
        payload: impl IntoPayload,
    ) -> impl Future<Output = Result<(), Error>> {
        self.send_message(Outbound::new(payload).to(peer.into()))
    }

    /// Sends a message, and waits for its peer's acknowledgement. Needs
    /// [`at_least_once`](crate::SocketBuilder::at_least_once).
    ///
    /// The wait includes that for room, for a peer and for resends. Layers around the
    /// stack, such as tower's `Timeout`, see it as one call.
    ///
    /// ```
    /// use aiomsg::Socket;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
    /// let server = Socket::new()?;
    /// let endpoint = server.bind("127.0.0.1:0").await?;
    /// let client = Socket::builder().at_least_once().build()?;
    /// client.connect(endpoint)?;
    /// client.send_acked("it has arrived when this returns").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`send`](Socket::send), and
    ///
    /// - when no try is left ([`Error::is_timeout`]; no event reports it);
    /// - when the [overflow rule](crate::SocketBuilder::overflow) drops the message while
    ///   it waits to be sent, or to be sent again ([`Error::is_limit`]);
    /// - when the socket closes before the acknowledgement comes; the message is then in
    ///   the [report](crate::close::CloseReport);
    /// - when the socket sends at-most-once ([`Error::is_config`]).
    ///
    /// # Cancel safety
    ///
    /// A message whose future is dropped is not sent again. It may have arrived.
    pub async fn send_acked(&self, payload: impl IntoPayload) -> Result<(), Error> {
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

    /// Sends an [`Outbound`] message with its target and settings, for example one that
    /// [`Error::take_message`] has handed back.
    ///
    /// # Errors
    ///
    /// As for [`send`](Socket::send).
    ///
    /// # Cancel safety
    ///
    /// As for [`send`](Socket::send).
    #[inline]
    pub fn send_message(
        &self,
        message: impl Into<Outbound>,
    ) -> impl Future<Output = Result<(), Error>> {
        Sending::new(&self.inner, message.into(), Inner::send)
    }
}

pub(super) fn with_message(error: Error, message: Option<Outbound>) -> Error {
    match message {
        Some(message) if error.message().is_none() => error.with_message(message),
        _ => error,
    }
}

impl<S> Inner<S> {
    /// Refuses a message that cannot be sent, and takes it out.
    #[inline]
    pub(super) fn check(&self, slot: &mut Option<Outbound>) -> Result<(), Error> {
        let Some(message) = slot else { return Ok(()) };
        if !self.accepts(message) {
            let error = self.refusal(message);
            return Err(with_message(error, slot.take()));
        }
        Ok(())
    }

    /// Whether a message can be sent.
    #[inline]
    pub(super) fn accepts(&self, message: &mut Outbound) -> bool {
        if message.payload().len() > self.engine.config.max_message
            || self.engine.closing.load(Ordering::Acquire)
            || (message.is_until_acked() && self.engine.unacked.is_none())
            || message
                .bad_headers(self.engine.config.header_limits)
                .is_some()
        {
            return false;
        }
        // Without at-least-once, nobody would hear of the acknowledgement.
        if self.engine.unacked.is_none() {
            message.set_id(None);
        }
        true
    }

    /// Why a message cannot be sent.
    #[cold]
    fn refusal(&self, message: &Outbound) -> Error {
        let limit = self.engine.config.max_message;
        let len = message.payload().len();
        if len > limit {
            return Error::new(ErrorKind::TooLarge)
                .with_reason(format!("the message has {len} bytes, the limit is {limit}"));
        }
        if self.engine.closing.load(Ordering::Acquire) {
            return ErrorKind::Closed.into();
        }
        if let Some(error) = header_error(message, self.engine.config.header_limits) {
            return error;
        }
        Error::new(ErrorKind::Config)
            .with_reason("only a socket that sends at-least-once hears acknowledgements")
    }
}

impl<S> Inner<S>
where
    S: Service<Outbound, Error: Into<BoxError>> + 'static,
{
    /// Sends the message if there are no layers, nobody waits, and it can be
    /// done at once, and says what became of it. Pending when it is the turn of others.
    #[inline]
    pub(super) fn poll_send_now(
        &self,
        cx: &mut Context<'_>,
        message: &mut Option<Outbound>,
    ) -> Poll<Result<Sent, Error>> {
        ready!(self.poll_turn(cx));
        let Some(direct) = &self.direct else {
            return Poll::Ready(Ok(Sent::NotNow));
        };
        let alone = message.as_ref().is_some_and(|it| it.peer().is_some());
        let turn = match alone {
            false => self.line.lets_pass(cx),
            true => self.lines.is_empty(),
        };
        Poll::Ready(match turn {
            true => direct.send_now(cx, message),
            false => Ok(Sent::NotNow),
        })
    }

    /// Pending when other tasks have their turn.
    #[inline]
    pub(super) fn poll_turn(&self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.sends.poll(cx, || self.spread());
        if polled.is_pending() {
            self.line.end_turn(cx);
        }
        polled
    }

    /// How many peers share the messages that are sent.
    pub(super) fn spread(&self) -> usize {
        match self.engine.config.send_mode {
            SendMode::Publish => 1,
            _ => self.engine.peers.len(),
        }
    }

    /// Sends a message that is not sent in one step.
    async fn send(&self, message: Outbound) -> Result<(), Error> {
        if let (Some(direct), Some(peer)) = (&self.direct, message.peer()) {
            let (direct, peer) = (direct.clone(), peer.clone());
            return self.send_alone(direct, peer, message).await;
        }
        let mut message = Some(message);
        // Our own stack hands a refused message back. Layers of others need
        // not, and what they were given is theirs: so a copy is kept.
        let copy = match self.direct {
            Some(_) => None,
            None => message.clone(),
        };
        let result = match self.start(&mut message).await {
            Ok(accepting) => accepted(accepting).await,
            Err(error) => Err(error),
        };
        result.map_err(|error| with_message(error, copy))
    }

    /// Sends an addressed message, which waits for nothing but its peer: messages for anyone may
    /// have to wait when this one has not, and the other way round.
    pub(super) async fn send_alone(
        &self,
        direct: StandardSend,
        peer: Identity,
        message: Outbound,
    ) -> Result<(), Error> {
        let mut message = Some(message);
        let mut place = self.lines.join(&peer);
        let sending = poll_fn(|cx| {
            ready!(place.poll_first(cx));
            // When the socket closes, waiting senders are woken, and refused.
            self.line.look_in(cx);
            match self.engine.closing.load(Ordering::Acquire) {
                true => Poll::Ready(Err(ErrorKind::Closed.into())),
                false => direct.poll_send_to(cx, &peer, &mut message),
            }
        });
        let mut sending = match sending.await {
            Ok(sending) => sending,
            Err(error) => return Err(with_message(error, message)),
        };
        // The messages behind it come after it.
        poll_fn(|cx| sending.poll_accepted(cx)).await?;
        drop(place);
        sending.await
    }

    /// Hands the message to the stack when that is ready.
    ///
    /// One task waits for the stack at a time, and the others for their turn: see
    /// [`Line`](aiomsg_layers::line::Line).
    async fn start(&self, message: &mut Option<Outbound>) -> Result<S::Future, Error> {
        let once = poll_fn(|cx| {
            Poll::Ready(match self.line.lets_pass(cx) {
                true => self.poll_start(cx, message),
                false => Poll::Pending,
            })
        });
        if let Poll::Ready(started) = once.await {
            return started;
        }
        let mut place = self.line.join();
        poll_fn(|cx| {
            ready!(place.poll_first(cx));
            let started = ready!(self.poll_start(cx, message));
            place.begin_turn(cx);
            Poll::Ready(started)
        })
        .await
    }

    /// Calls the layers with the message, if there are any, nobody waits, and they are ready.
    #[inline]
    pub(super) fn poll_layers(
        &self,
        cx: &mut Context<'_>,
        message: &mut Option<Outbound>,
    ) -> Poll<Result<Caught<S::Future>, Error>> {
        if self.direct.is_some() || !self.line.lets_pass(cx) {
            return Poll::Pending;
        }
        let called = ready!(self.poll_start(cx, message));
        Poll::Ready(called.map(|accepting| caught(LAYER, accepting)))
    }

    /// Hands the message to the stack when that is ready, which wakes the first in
    /// line. Readiness and call are under one lock: what the stack reserves is used at
    /// once, by the same caller.
    #[inline]
    pub(super) fn poll_start(
        &self,
        cx: &mut Context<'_>,
        message: &mut Option<Outbound>,
    ) -> Poll<Result<S::Future, Error>> {
        // Reports of the stack are made when the lock is released.
        let Some(_holding) = Holding::enter(&self.stack) else {
            // A layer, or its callee, sends on the socket that has called it.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        // Checked each time: when the socket closes, waiting senders are woken, and refused.
        if self.engine.closing.load(Ordering::Acquire) {
            return Poll::Ready(Err(with_message(ErrorKind::Closed.into(), message.take())));
        }
        let mut stack = self.stack.lock();
        let mut shared = Context::from_waker(self.line.waker());
        let called = catch(LAYER, || {
            let ready = ready!(stack.poll_ready(&mut shared));
            if message.is_none() {
                // Polled again after it was ready: there is nothing to wait for.
                return Poll::Pending;
            }
            Poll::Ready(ready.map(|()| message.take().map(|message| stack.call(message))))
        });
        match called {
            Ok(Poll::Pending) | Ok(Poll::Ready(Ok(None))) => Poll::Pending,
            Ok(Poll::Ready(Ok(Some(accepting)))) => Poll::Ready(Ok(accepting)),
            Ok(Poll::Ready(Err(error))) => {
                Poll::Ready(Err(with_message(explain(error), message.take())))
            }
            Err(panicked) => Poll::Ready(Err(with_message(panicked, message.take()))),
        }
    }
}

/// Waits until the stack has accepted a message. A layer that panics fails this message, and
/// not its sender.
pub(super) async fn accepted<T, E: Into<BoxError>>(
    accepting: impl Future<Output = Result<T, E>>,
) -> Result<(), Error> {
    match caught(LAYER, accepting).await {
        Ok(accepted) => accepted.map(drop).map_err(explain),
        Err(panicked) => Err(panicked),
    }
}
