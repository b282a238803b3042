use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Error, ErrorKind, HeaderLimits, Identity, Outbound};
use aiomsg_layers::driven::{At, Driven, NotNow};
use tower::Service;

use super::{Core, Stack, StackFuture, StandardFuture};

/// The standard stack: perhaps at-least-once, by identity, buffer, distribution. All of it is
/// behind one lock.
///
/// A `Service` of messages. Its response says that the message was accepted. It is ready when
/// there is room for a message for anyone.
///
/// It refuses a message whose headers cannot be sent, with the same error as
/// [`Socket::send_message`](crate::Socket::send_message): a layer may have added them after the
/// socket had looked at the message.
#[derive(Debug, Clone)]
pub struct StandardSend {
    driven: Driven<Stack>,
    header_limits: HeaderLimits,
}

/// The outcome of sending a message at once.
pub(crate) enum Sent {
    Accepted,
    /// The stack has it, and its future is not ready: it waits for room at its peer, or for its
    /// acknowledgement.
    Called(Box<StackFuture>),
    /// It cannot be sent now, and is where it was.
    NotNow,
}

impl StandardSend {
    pub(crate) fn new(driven: Driven<Stack>, header_limits: HeaderLimits) -> Self {
        Self {
            driven,
            header_limits,
        }
    }

    /// Sends a message under one lock, if the stack is ready for it. One that is addressed needs
    /// no readiness, but at-least-once has to have room for it. Nobody is woken when it can be
    /// sent later.
    ///
    /// # Errors
    ///
    /// Those of the stack.
    #[inline]
    pub(crate) fn send_now(
        &self,
        cx: &mut Context<'_>,
        message: &mut Option<Outbound>,
    ) -> Result<Sent, Error> {
        let sent = self.driven.with_open(|stack, shared| {
            let ready = stack.poll_ready(shared);
            let ready = match message.as_ref().and_then(Outbound::peer) {
                None => match ready {
                    Poll::Ready(ready) => ready.map(|()| true)?,
                    Poll::Pending => false,
                },
                Some(peer) => stack.poll_room_for(shared, peer).is_ready(),
            };
            let Some(message) = message.take_if(|_| ready) else {
                return Ok(Sent::NotNow);
            };
            let pending = stack.call_and_poll(message, cx)?;
            Ok(pending.map_or(Sent::Accepted, |future| Sent::Called(Box::new(future))))
        });
        // Closed: the slow way finds that out, too.
        sent.unwrap_or(Ok(Sent::NotNow))
    }

    /// Sends up to `most` messages from the front of these under one lock, until one has to wait
    /// or fails: that one is the first of those left.
    pub(crate) fn send_all_now(&self, messages: &mut VecDeque<Outbound>, most: usize) {
        let _ = self
            .driven
            .with_open(|stack, shared| send_all(stack, shared, messages, most));
    }

    /// Gives the stack a message for this peer, when at-least-once has room for it. It then waits
    /// for room at its peer, by itself.
    pub(crate) fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        peer: &Identity,
        message: &mut Option<Outbound>,
    ) -> Poll<Result<StackFuture, Error>> {
        let called = self.driven.with_open(|stack, shared| {
            let _ = stack.poll_ready(shared);
            if stack.poll_room_for(cx, peer).is_pending() {
                return None;
            }
            message.take().map(|message| stack.call(message))
        });
        match called {
            Ok(Some(future)) => Poll::Ready(Ok(future)),
            Ok(None) => Poll::Pending,
            Err(NotNow::Closed) => Poll::Ready(Err(ErrorKind::Closed.into())),
            Err(NotNow::Within) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// Where at-least-once sends again: further in than itself.
    pub(crate) fn resends(&self) -> At<Stack, Core> {
        self.driven.at(Stack::core_mut)
    }

    // ===== waiting messages =====

    /// How many messages wait because nobody is connected, and their bytes.
    pub(crate) fn buffered(&self) -> (usize, usize) {
        // Messages from connections that ended are not counted: their queues bound them.
        let buffered = self.driven.with(|stack, _| {
            let buffer = stack.core().get_ref();
            (buffer.len(), buffer.bytes())
        });
        buffered.unwrap_or_default()
    }

    /// Whether no message waits, but for peers that are absent.
    pub(crate) fn is_drained(&self) -> bool {
        let drained = self.driven.with(|stack, shared| {
            // Unsent messages of ended connections show up here.
            let _ = stack.poll_ready(shared);
            let (by_identity, buffer) = (stack.core(), stack.core().get_ref());
            buffer.is_empty() && !buffer.get_ref().has_backlog() && !by_identity.has_backlog()
        });
        drained.unwrap_or_default()
    }

    /// How many messages wait outside of the queues of connected peers, also for peers that
    /// are absent. Zero when the stack itself asks.
    pub(crate) fn waiting(&self) -> usize {
        let waiting = self.driven.with(|stack, shared| {
            // As above.
            let _ = stack.poll_ready(shared);
            let (by_identity, buffer) = (stack.core(), stack.core().get_ref());
            by_identity.mail() + buffer.len() + buffer.get_ref().len()
        });
        waiting.unwrap_or_default()
    }

    /// Refuses messages from now on, and takes the waiting ones.
    pub(crate) fn close(&self) -> Vec<Outbound> {
        self.driven.close(|stack| {
            let core = stack.core_mut();
            let mail = core.close();
            let buffer = core.get_mut();
            let mut messages = buffer.get_mut().drain();
            messages.extend(mail);
            messages.extend(buffer.drain());
            messages
        })
    }
}

/// Sends messages from the front of these, as long as none has to wait. Addressed messages, and
/// those whose sender waits for the acknowledgement, may have to.
fn send_all(
    stack: &mut Stack,
    shared: &mut Context<'_>,
    messages: &mut VecDeque<Outbound>,
    most: usize,
) {
    let mut cx = Context::from_waker(Waker::noop());
    let alone = |message: &Outbound| message.peer().is_some() || message.is_until_acked();
    for _ in 0..most {
        if messages.front().is_none_or(alone)
            || !matches!(stack.poll_ready(shared), Poll::Ready(Ok(())))
        {
            return;
        }
        let Some(message) = messages.pop_front() else {
            return;
        };
        if let Err(mut error) = stack.call_and_poll(message, &mut cx) {
            if let Some(message) = error.take_message() {
                messages.push_front(message);
            }
            return;
        }
    }
}

impl Stack {
    /// Calls the stack, and polls its future once, where it is: to move it costs something. It is
    /// returned if it is pending.
    #[inline]
    fn call_and_poll(
        &mut self,
        message: Outbound,
        cx: &mut Context<'_>,
    ) -> Result<Option<StackFuture>, Error> {
        match self {
            Self::AtMostOnce(core) => {
                let mut future = core.call(message);
                match Pin::new(&mut future).poll(cx) {
                    Poll::Ready(sent) => sent.map(|()| None),
                    Poll::Pending => Ok(Some(StackFuture::AtMostOnce(future))),
                }
            }
            Self::AtLeastOnce(all) => {
                let pending = all.call_and_poll(message, cx)?;
                Ok(pending.map(StackFuture::AtLeastOnce))
            }
        }
    }

    /// Ready when there is room for a message to this peer, as far as that is for at-least-once to
    /// say.
    fn poll_room_for(&self, cx: &mut Context<'_>, peer: &Identity) -> Poll<()> {
        match self {
            Self::AtMostOnce(_) => Poll::Ready(()),
            Self::AtLeastOnce(service) => service.poll_room_for(cx, peer),
        }
    }
}

impl Service<Outbound> for StandardSend {
    type Response = ();
    type Error = Error;
    type Future = StandardFuture;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.driven.poll_ready(cx)
    }

    /// Most messages are in the queue of a peer when this returns.
    #[inline]
    fn call(&mut self, message: Outbound) -> StandardFuture {
        if let Some(error) = header_error(&message, self.header_limits) {
            return StandardFuture::called(Err(error.with_message(message)));
        }
        let mut message = Some(message);
        let called = self.driven.with_next(|stack, shared| {
            let message = message.take();
            message.map(|message| stack.call_and_poll(message, shared))
        });
        match (called, message) {
            (Ok(Some(called)), _) => StandardFuture::called(called),
            (_, Some(message)) => StandardFuture::not_now(self.driven.call(message)),
            (_, None) => StandardFuture::called(Err(ErrorKind::Closed.into())),
        }
    }
}

/// Why the headers of a message cannot be sent.
#[inline]
pub(crate) fn header_error(message: &Outbound, limits: HeaderLimits) -> Option<Error> {
    let reason = message.bad_headers(limits)?;
    let kind = match message.headers().excess(limits) {
        Some(_) => ErrorKind::TooLarge,
        None => ErrorKind::Config,
    };
    Some(Error::new(kind).with_reason(reason))
}
