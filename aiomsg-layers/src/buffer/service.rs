use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Discard, DropReason, Error, ErrorKind, Limits, Outbound, Weight, hook};
use tower::Service;

use super::Driver;
use super::held::Held;
use super::wakers::Wakers;
use crate::route::{Overflow, Route, Unrouted, failed, refused};
use crate::shared::note;
use crate::sync::Mutex;

/// A router that is shared, and buffers while nobody is connected. See the
/// [module](super).
pub struct Buffer<R>(pub(super) Arc<Shared<R>>);

pub(super) struct Shared<R> {
    limits: Limits,
    overflow: Overflow,
    discard: Option<Discard>,
    state: Mutex<State<R>>,
    pub(super) wakers: Arc<Wakers>,
    /// `wakers` as a waker.
    waker: Waker,
}

pub(super) struct State<R> {
    pub(super) router: R,
    pub(super) waiting: VecDeque<Outbound>,
    bytes: usize,
    /// The router was ready, and nothing was placed since.
    ready: bool,
    /// The driver knows of messages that will be given up, and when.
    pub(super) alarmed: bool,
    /// A message that is addressed waits, maybe for room in the mailboxes, of
    /// which the router tells nobody.
    pub(super) addressed: bool,
    pub(super) closed: bool,
}

impl<R: Route> Buffer<R> {
    /// How much is kept while nobody is connected: 65,536 messages or 64 MiB.
    pub const LIMITS: Limits = Limits {
        items: 65_536,
        bytes: 64 << 20,
    };

    /// A buffer in front of `router`, and the driver that must be run for it.
    pub fn new(router: R, limits: Limits) -> (Self, Driver<R>) {
        Self::build(router, limits, Overflow::Wait, None)
    }

    /// The same, with what is done with a message when the buffer is full.
    /// What is dropped goes to `discard`.
    pub fn with_overflow(
        router: R,
        limits: Limits,
        overflow: Overflow,
        discard: Discard,
    ) -> (Self, Driver<R>) {
        Self::build(router, limits, overflow, Some(discard))
    }

    fn build(
        router: R,
        limits: Limits,
        overflow: Overflow,
        discard: Option<Discard>,
    ) -> (Self, Driver<R>) {
        let wakers = Arc::new(Wakers::default());
        let shared = Arc::new(Shared {
            limits,
            overflow,
            discard,
            state: Mutex::new(State {
                router,
                waiting: VecDeque::new(),
                bytes: 0,
                ready: false,
                alarmed: false,
                addressed: false,
                closed: false,
            }),
            waker: Waker::from(Arc::clone(&wakers)),
            wakers,
        });
        let driver = Driver::new(Arc::clone(&shared));
        (Self(shared), driver)
    }

    /// How many messages wait because nobody is connected.
    pub fn len(&self) -> usize {
        self.0.lock().waiting.len()
    }

    /// Whether no message waits because nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether no message waits, neither here nor within the router.
    pub fn is_drained(&self) -> bool {
        let state = self.0.lock();
        state.waiting.is_empty() && !state.router.has_backlog()
    }

    /// Whether no message waits, neither here nor within the router, also for peers
    /// that are absent.
    pub fn is_idle(&self) -> bool {
        let state = self.0.lock();
        state.waiting.is_empty() && !state.router.has_backlog() && !state.router.has_mail()
    }

    /// Sends a message if that can be done at once and nothing waits before it:
    /// what [`Service::poll_ready`] and [`Service::call`] do, in one step, and
    /// what most messages need. Says whether the message was taken. Nobody is
    /// woken when it can be done later.
    pub fn try_send(&self, message: &mut Option<Outbound>) -> bool {
        if self.0.is_reentered() {
            return false;
        }
        let mut state = self.0.lock();
        if state.closed || !state.waiting.is_empty() {
            return false;
        }
        // Others may hold that the router is ready, and it may not be any more.
        state.ready = false;
        state.router.try_route(&mut self.0.context(), message)
    }

    /// Sends up to `most` messages from the front of these, as far as that can be
    /// done at once: what [`try_send`](Buffer::try_send) does for one, under one
    /// lock. What is left could not be sent.
    pub fn try_send_all(&self, messages: &mut VecDeque<Outbound>, most: usize) {
        if self.0.is_reentered() {
            return;
        }
        let mut state = self.0.lock();
        if state.closed || !state.waiting.is_empty() {
            return;
        }
        state.ready = false;
        let mut cx = self.0.context();
        state.router.try_route_all(&mut cx, messages, most);
    }

    /// Ends the driver, refuses messages from now on, and takes all that wait
    /// here and in the router, after taking back what connections that ended
    /// had not sent.
    pub fn close(&self) -> Vec<Outbound> {
        let mut state = self.0.lock();
        state.closed = true;
        let _ = state
            .router
            .poll_route(&mut Context::from_waker(Waker::noop()));
        let mut messages = state.router.drain();
        messages.extend(state.waiting.drain(..));
        state.bytes = 0;
        drop(state);
        self.0.wakers.wake_callers();
        self.0.wakers.wake_driver();
        messages
    }
}

impl<R: Route> Shared<R> {
    pub(super) fn lock(&self) -> Held<'_, R> {
        Held::new(self, || {
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Whether this thread is in here already: a policy, or what it calls, sends.
    fn is_reentered(&self) -> bool {
        hook::is_held(self)
    }

    /// Keeps a message, in the place of others if the settings say so.
    fn make_room(
        &self,
        state: &mut State<R>,
        message: Outbound,
        dropped: &mut Vec<Outbound>,
    ) -> Result<(), Outbound> {
        let room = |state: &State<R>| self.limits.admit(state.waiting.len(), state.bytes);
        if !room(state) {
            match self.overflow {
                // Readiness was given: the bound is exceeded by this one.
                Overflow::Wait | Overflow::Disconnect => {}
                Overflow::RefuseNewest => return Err(message),
                Overflow::DropOldest => {
                    while !room(state)
                        && let Some(oldest) = state.waiting.pop_front()
                    {
                        state.bytes -= oldest.weight();
                        dropped.push(oldest);
                    }
                }
                Overflow::KeepNewest => {
                    state.bytes = 0;
                    dropped.extend(state.waiting.drain(..));
                }
            }
        }
        state.bytes += message.weight();
        state.waiting.push_back(message);
        Ok(())
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

impl<R: Route> State<R> {
    /// Whether messages wait for absent peers, and the driver does not know when they
    /// are to be given up.
    fn has_unknown_mail(&self) -> bool {
        self.router.has_mail() && !self.alarmed
    }

    /// Sends what waits, as far as the router takes it.
    pub(super) fn drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.router.poll_route(cx).is_ready() {
            // What waits here has time: it is to cost no other its place.
            let message = match self.waiting.is_empty() || !self.router.is_full() {
                true => self.waiting.pop_front(),
                false => return Poll::Pending,
            };
            let Some(message) = message else {
                return Poll::Ready(());
            };
            let weight = message.weight();
            match self.router.route(cx, message) {
                Ok(()) => self.bytes -= weight,
                // The only one for which the policy is to blame.
                Err(Unrouted::Failed(message, error)) => {
                    self.bytes -= weight;
                    note(&error);
                    self.router.give_up(message, DropReason::PolicyFailed);
                }
                Err(Unrouted::Full(message) | Unrouted::Refused(message)) => {
                    // What waits here was accepted, and goes on waiting.
                    self.waiting.push_front(message);
                    return Poll::Pending;
                }
            }
        }
        Poll::Pending
    }
}

/// Has the task polled again when this thread has left what it is in.
fn later<T>(cx: &mut Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

fn closed(message: Option<Outbound>) -> Error {
    let error = Error::new(ErrorKind::Closed);
    match message {
        Some(message) => error.with_message(message),
        None => error,
    }
}

impl<R: Route> Service<Outbound> for Buffer<R> {
    type Response = ();
    type Error = Error;
    type Future = BufferFuture<R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut router_cx = self.0.context();
        if self.0.is_reentered() {
            return later(cx);
        }
        let mut state = self.0.lock();
        for registered in [false, true] {
            if state.closed {
                return Poll::Ready(Err(closed(None)));
            }
            let routed = state.drain(&mut router_cx);
            state.ready = routed.is_ready();
            let room = || self.0.limits.admit(state.waiting.len(), state.bytes);
            if state.ready || (!state.router.has_peers() && room()) {
                return Poll::Ready(Ok(()));
            }
            if self.0.overflow.decides_at_once() {
                return Poll::Ready(Ok(()));
            }
            if !registered {
                // Look once more afterwards, lest a wake in between is lost.
                self.0.wakers.add_caller(cx.waker());
            }
        }
        Poll::Pending
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        let mut cx = self.0.context();
        if self.0.is_reentered() {
            return BufferFuture::waiting(&self.0, message);
        }
        let mut state = self.0.lock();
        if state.closed {
            return BufferFuture::done(Err(closed(Some(message))));
        }
        if message.peer().is_some() {
            return match state.router.route(&mut cx, message) {
                Ok(()) => {
                    let unknown = state.has_unknown_mail();
                    drop(state);
                    if unknown {
                        self.0.wakers.wake_driver();
                    }
                    BufferFuture::done(Ok(()))
                }
                Err(Unrouted::Refused(message)) => {
                    drop(state);
                    BufferFuture::done(Err(refused(message)))
                }
                Err(Unrouted::Failed(message, error)) => {
                    BufferFuture::done(Err(failed(message, error)))
                }
                Err(Unrouted::Full(message)) => BufferFuture::waiting(&self.0, message),
            };
        }
        let kept = match std::mem::take(&mut state.ready) && state.waiting.is_empty() {
            true => match state.router.route(&mut cx, message) {
                Ok(()) => None,
                Err(Unrouted::Full(message)) => Some(message),
                Err(Unrouted::Refused(message)) => {
                    drop(state);
                    return BufferFuture::done(Err(refused(message)));
                }
                Err(Unrouted::Failed(message, error)) => {
                    return BufferFuture::done(Err(failed(message, error)));
                }
            },
            false => Some(message),
        };
        if let Some(message) = kept {
            let mut dropped = Vec::new();
            if let Err(message) = self.0.make_room(&mut state, message, &mut dropped) {
                drop(state);
                return BufferFuture::done(Err(refused(message)));
            }
            let here = state.router.has_peers();
            drop(state);
            for message in dropped {
                if let Some(discard) = &self.0.discard {
                    discard.message(message, DropReason::Overflow);
                }
            }
            // Somebody came since `poll_ready`, or the last one went.
            if here {
                self.0.wakers.wake_driver();
            }
        }
        BufferFuture::done(Ok(()))
    }
}

impl<R> Clone for Buffer<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> fmt::Debug for Buffer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}

/// The future of [`Buffer`]: ready at once, unless the message is addressed to
/// a peer that has no room for it. Dropped before it is ready, the message is
/// not sent.
pub struct BufferFuture<R>(Sending<R>);

enum Sending<R> {
    Done(Option<Result<(), Error>>),
    Waiting {
        shared: Arc<Shared<R>>,
        message: Option<Outbound>,
    },
}

impl<R> BufferFuture<R> {
    fn done(result: Result<(), Error>) -> Self {
        Self(Sending::Done(Some(result)))
    }

    fn waiting(shared: &Arc<Shared<R>>, message: Outbound) -> Self {
        Self(Sending::Waiting {
            shared: Arc::clone(shared),
            message: Some(message),
        })
    }
}

impl<R: Route> Future for BufferFuture<R> {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (shared, slot) = match &mut self.get_mut().0 {
            Sending::Done(result) => return result.take().map_or(Poll::Pending, Poll::Ready),
            Sending::Waiting { shared, message } => (shared, message),
        };
        let Some(mut message) = slot.take() else {
            return Poll::Pending;
        };
        if shared.is_reentered() {
            *slot = Some(message);
            return later(cx);
        }
        shared.wakers.add_caller(cx.waker());
        let mut router_cx = shared.context();
        let mut state = shared.lock();
        if state.closed {
            return Poll::Ready(Err(closed(Some(message))));
        }
        let _ = state.router.poll_route(&mut router_cx);
        message = match state.router.route(&mut router_cx, message) {
            Ok(()) => {
                // It may wait for its peer now, which is gone.
                let unknown = state.has_unknown_mail();
                drop(state);
                if unknown {
                    shared.wakers.wake_driver();
                }
                return Poll::Ready(Ok(()));
            }
            Err(Unrouted::Refused(message)) => return Poll::Ready(Err(refused(message))),
            Err(Unrouted::Failed(message, error)) => {
                return Poll::Ready(Err(failed(message, error)));
            }
            Err(Unrouted::Full(message)) => message,
        };
        state.addressed = true;
        *slot = Some(message);
        Poll::Pending
    }
}

impl<R> fmt::Debug for BufferFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BufferFuture")
    }
}
