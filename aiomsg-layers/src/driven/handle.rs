use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aiomsg_core::hook::{self, Holding};
use aiomsg_core::{Error, ErrorKind, Outbound};
use tower::Service;

use super::wakers::Wakers;
use super::{At, DrivenFuture, Driver};
use crate::line::Line;
use crate::sync::{Mutex, MutexGuard};

/// A shared stack of the send path. See the [module](super).
///
/// As a [`Service`] it is as ready as the stack. Readiness reserves nothing: each of several
/// callers that saw it ready may call, so a bound may be exceeded by one message for each.
pub struct Driven<S>(pub(super) Arc<Shared<S>>);

pub(super) struct Shared<S> {
    state: Mutex<State<S>>,
    pub(super) wakers: Arc<Wakers>,
    /// `wakers` as a waker.
    waker: Waker,
}

pub(super) struct State<S> {
    pub(super) stack: S,
    pub(super) closed: bool,
}

/// Why a shared stack cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow {
    /// This thread is in the stack already. Try again when it has left the stack.
    Within,
    /// The stack is closed.
    Closed,
}

/// The locked stack. Calls of users' functions, such as the report of a dropped message, are
/// made when the lock is released, because they may send on the same stack.
pub(super) struct Locked<'a, S> {
    // In this order: unlocked first.
    pub(super) state: MutexGuard<'a, State<S>>,
    _holding: Holding,
}

impl<S> Driven<S> {
    /// Shares a stack. Run the driver once, for all handles.
    pub fn new(stack: S) -> (Self, Driver<S>) {
        let wakers = Arc::<Wakers>::default();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                stack,
                closed: false,
            }),
            waker: Waker::from(Arc::clone(&wakers)),
            wakers,
        });
        (Self(Arc::clone(&shared)), Driver::new(shared))
    }

    /// Does something with the stack under the lock, such as asking a layer how much it holds.
    /// Poll the stack with the given context only. It works on a closed stack, too.
    ///
    /// # Errors
    ///
    /// [`NotNow::Within`], when the stack itself calls this, as a layer or a policy in it may.
    #[inline]
    pub fn with<T>(&self, call: impl FnOnce(&mut S, &mut Context<'_>) -> T) -> Result<T, NotNow> {
        let mut locked = self.0.enter().ok_or(NotNow::Within)?;
        Ok(call(&mut locked.state.stack, &mut self.0.context()))
    }

    /// The same, for sending a message.
    ///
    /// # Errors
    ///
    /// As for [`with`](Driven::with), and [`NotNow::Closed`].
    #[inline]
    pub fn with_open<T>(
        &self,
        call: impl FnOnce(&mut S, &mut Context<'_>) -> T,
    ) -> Result<T, NotNow> {
        let holding = Holding::enter(&*self.0).ok_or(NotNow::Within)?;
        let mut state = self.0.state.lock();
        self.0.wakers.set_unknown();
        let called = match state.closed {
            true => Err(NotNow::Closed),
            false => Ok(call(&mut state.stack, &mut self.0.context())),
        };
        drop(state);
        drop(holding);
        called
    }

    /// The same, and finds out at once whether the stack is ready for another message. The next
    /// `poll_ready` then needs no lock.
    ///
    /// # Errors
    ///
    /// As for [`with_open`](Driven::with_open).
    #[inline]
    pub fn with_next<T>(
        &self,
        call: impl FnOnce(&mut S, &mut Context<'_>) -> T,
    ) -> Result<T, NotNow>
    where
        S: Service<Outbound>,
    {
        self.with_open(|stack, shared| {
            let called = call(stack, shared);
            // Its failure is for the one who asks next.
            let _ = self.0.poll_stack(stack);
            called
        })
    }

    /// Whether this thread is in the stack already: a policy, or its callee, sends.
    #[inline]
    pub fn is_held(&self) -> bool {
        hook::is_held(&*self.0)
    }

    /// The line of senders that wait for the stack.
    pub fn line(&self) -> &Line {
        &self.0.wakers.line
    }

    /// A service that enters the stack at one of its layers: a resend of at-least-once does not
    /// pass that layer a second time.
    pub fn at<T>(&self, layer: fn(&mut S) -> &mut T) -> At<S, T> {
        At::new(self.clone(), layer)
    }

    /// Refuses messages from now on, ends the driver, and does something with the stack, such as
    /// taking its messages. May be called again.
    pub fn close<T>(&self, call: impl FnOnce(&mut S) -> T) -> T {
        let mut locked = self.0.lock();
        locked.state.closed = true;
        let it = call(&mut locked.state.stack);
        drop(locked);
        self.0.waker.wake_by_ref();
        it
    }
}

/// A service that enters the stack at one of its layers. Neither call clones the handle: that
/// would cost each message two atomic operations.
impl<S> Driven<S> {
    #[inline]
    pub(super) fn poll_ready_at<T>(
        &self,
        cx: &mut Context<'_>,
        layer: fn(&mut S) -> &mut T,
    ) -> Poll<Result<(), T::Error>>
    where
        T: Service<Outbound, Response = (), Error: From<Error>>,
    {
        self.poll_locked(cx, |shared, stack| {
            layer(stack).poll_ready(&mut shared.context())
        })
    }

    fn poll_locked<E: From<Error>>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&Shared<S>, &mut S) -> Poll<Result<(), E>>,
    ) -> Poll<Result<(), E>> {
        if self.is_held() {
            return later(cx);
        }
        let shared = &self.0;
        self.line().poll_shared(cx, || {
            let mut locked = shared.lock();
            match locked.state.closed {
                true => Poll::Ready(Err(closed(None).into())),
                false => poll(shared, &mut locked.state.stack),
            }
        })
    }

    #[inline]
    pub(super) fn call_at<T>(
        &self,
        message: Outbound,
        layer: fn(&mut S) -> &mut T,
    ) -> DrivenFuture<S, T>
    where
        T: Service<Outbound, Response = (), Error: From<Error>>,
    {
        if self.is_held() {
            return DrivenFuture::later(self.at(layer), message);
        }
        let mut locked = self.0.lock();
        match locked.state.closed {
            true => DrivenFuture::failed(closed(Some(message))),
            false => DrivenFuture::called(layer(&mut locked.state.stack).call(message)),
        }
    }
}

impl<S> Shared<S> {
    #[inline]
    pub(super) fn lock(&self) -> Locked<'_, S> {
        self.lock_with(Holding::new(self))
    }

    /// `None` if this thread has locked it already.
    #[inline]
    fn enter(&self) -> Option<Locked<'_, S>> {
        Some(self.lock_with(Holding::enter(self)?))
    }

    /// Polls the stack, which the caller has locked, and notes that it is ready.
    #[inline]
    pub(super) fn poll_stack(&self, stack: &mut S) -> Poll<Result<(), S::Error>>
    where
        S: Service<Outbound>,
    {
        let wakes = self.wakers.wakes();
        let polled = stack.poll_ready(&mut self.context());
        if let Poll::Ready(Ok(())) = polled {
            self.wakers.set_ready(wakes);
        }
        polled
    }

    #[inline]
    fn lock_with(&self, holding: Holding) -> Locked<'_, S> {
        let state = self.state.lock();
        self.wakers.set_unknown();
        Locked {
            state,
            _holding: holding,
        }
    }

    #[inline]
    pub(super) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

/// Wakes the task, to poll again when this thread has left the stack.
pub(super) fn later<T>(cx: &mut Context<'_>) -> Poll<T> {
    cx.waker().wake_by_ref();
    Poll::Pending
}

pub(super) fn closed(message: Option<Outbound>) -> Error {
    let error = Error::new(ErrorKind::Closed);
    match message {
        Some(message) => error.with_message(message),
        None => error,
    }
}

impl<S> Service<Outbound> for Driven<S>
where
    S: Service<Outbound, Response = (), Error: From<Error>>,
{
    type Response = ();
    type Error = S::Error;
    type Future = DrivenFuture<S, S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if self.0.wakers.is_ready() {
            return Poll::Ready(Ok(()));
        }
        self.poll_locked(cx, Shared::poll_stack)
    }

    fn call(&mut self, message: Outbound) -> Self::Future {
        self.call_at(message, |stack| stack)
    }
}

impl<S> Clone for Driven<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> fmt::Debug for Driven<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Driven")
    }
}
