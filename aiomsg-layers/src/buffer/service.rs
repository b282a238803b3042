use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aiomsg_core::{BoxError, Discard, DropReason, Error, Limits, Outbound, Weight};
use tower::Service;

use super::BufferFuture;
use crate::Overflow;
use crate::distribute::Reach;
use crate::overflow::{Holder, Verdict, refused};
use crate::shared::note;

/// A service of messages that holds some while the inner service is not ready. See the
/// [module](super).
pub struct Buffer<S: Service<Outbound>> {
    inner: S,
    held: Held,
    overflow: Overflow,
    reach: Option<Reach>,
    /// The inner service is ready, and nothing was forwarded since.
    ready: bool,
    /// A held message that the inner service has now.
    sending: Option<Pin<Box<S::Future>>>,
}

/// The held messages.
struct Held {
    limits: Limits,
    messages: VecDeque<Outbound>,
    bytes: usize,
    discard: Option<Discard>,
}

impl<S: Service<Outbound>> Buffer<S> {
    pub(super) fn new(
        inner: S,
        limits: Limits,
        overflow: Overflow,
        discard: Option<Discard>,
        reach: Option<Reach>,
    ) -> Self {
        Self {
            inner,
            held: Held {
                limits,
                messages: VecDeque::new(),
                bytes: 0,
                discard,
            },
            overflow,
            reach,
            ready: false,
            sending: None,
        }
    }

    /// How many messages are held.
    pub fn len(&self) -> usize {
        self.held.messages.len()
    }

    /// Their bytes, as the limits count them.
    pub fn bytes(&self) -> usize {
        self.held.bytes
    }

    /// Whether no message is held.
    pub fn is_empty(&self) -> bool {
        self.held.messages.is_empty()
    }

    /// Takes the messages that are held, in their order.
    pub fn drain(&mut self) -> Vec<Outbound> {
        self.held.bytes = 0;
        self.held.messages.drain(..).collect()
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the inner service out. Held messages are lost.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Whether messages are held now, rather than left to wait.
    fn is_holding(&self) -> bool {
        self.reach.as_ref().is_none_or(Reach::is_nobody)
    }

    /// Held messages can wait, so they must not push out others.
    fn may_pass_on(&self) -> bool {
        self.reach.as_ref().is_none_or(|reach| !reach.is_full())
    }
}

impl<S> Buffer<S>
where
    S: Service<Outbound, Response = (), Error: From<Error> + Into<BoxError>>,
{
    /// Forwards held messages, as far as the inner service takes them. Ready when it would take
    /// another one.
    fn poll_pass_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        loop {
            if let Some(sending) = &mut self.sending {
                let sent = ready!(sending.as_mut().poll(cx));
                self.sending = None;
                if let Err(error) = sent
                    && !self.held.failed(error.into())
                {
                    return Poll::Pending;
                }
            }
            ready!(self.inner.poll_ready(cx))?;
            if self.held.messages.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if !self.may_pass_on() {
                return Poll::Pending;
            }
            if let Some(message) = self.held.pop() {
                self.sending = Some(Box::pin(self.inner.call(message)));
            }
        }
    }
}

impl Held {
    fn push(&mut self, message: Outbound) {
        self.bytes += message.weight();
        self.messages.push_back(message);
    }

    fn pop(&mut self) -> Option<Outbound> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.weight();
        Some(message)
    }

    fn drop_message(&mut self, message: Outbound, reason: DropReason) {
        match &self.discard {
            Some(discard) => discard.message(message, reason),
            None => tracing::warn!(%reason, "a message was dropped"),
        }
    }

    /// Handles a failure of the inner service on a held message. The message was accepted, so
    /// no sender waits for it. Returns whether to try the next one.
    fn failed(&mut self, error: BoxError) -> bool {
        let mut error = Error::from_boxed(error);
        let message = error.take_message();
        match message {
            // There was no room after all.
            Some(message) if error.is_limit() => {
                self.bytes += message.weight();
                self.messages.push_front(message);
                return false;
            }
            Some(message) => {
                note(&error);
                self.drop_message(message, DropReason::PolicyFailed);
            }
            None => note(&error),
        }
        true
    }
}

impl Holder for Held {
    fn has_room(&self) -> bool {
        self.limits.admit(self.messages.len(), self.bytes)
    }

    fn drop_oldest(&mut self) {
        while !self.has_room()
            && let Some(oldest) = self.pop()
        {
            self.drop_message(oldest, DropReason::Overflow);
        }
    }

    fn drop_all(&mut self) -> bool {
        while let Some(older) = self.pop() {
            self.drop_message(older, DropReason::Overflow);
        }
        true
    }
}

impl<S> Service<Outbound> for Buffer<S>
where
    S: Service<Outbound, Response = (), Error: From<Error> + Into<BoxError>>,
{
    type Response = ();
    type Error = S::Error;
    type Future = BufferFuture<S::Future>;

    #[inline(always)]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let polled = match self.sending.is_none() && self.held.messages.is_empty() {
            true => self.inner.poll_ready(cx),
            false => self.poll_pass_on(cx),
        };
        self.ready = polled.is_ready();
        if self.ready {
            return polled;
        }
        match self.overflow.decides_at_once() || (self.is_holding() && self.held.has_room()) {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    #[inline(always)]
    fn call(&mut self, message: Outbound) -> Self::Future {
        if std::mem::take(&mut self.ready) {
            return BufferFuture::inner(self.inner.call(message));
        }
        match self.overflow.make_room(&mut self.held) {
            Verdict::Refused => return BufferFuture::held(Err(refused(message))),
            // Readiness was given: the bound is exceeded by this one.
            Verdict::Fits | Verdict::Waits | Verdict::Disconnected => self.held.push(message),
        }
        BufferFuture::held(Ok(()))
    }
}

impl<S: Service<Outbound> + fmt::Debug> fmt::Debug for Buffer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("inner", &self.inner)
            .field("len", &self.held.messages.len())
            .finish_non_exhaustive()
    }
}
