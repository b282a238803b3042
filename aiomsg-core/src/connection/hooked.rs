//! A connection with a hook on it.

use std::task::{Context, Poll};

use super::{Connection, FrameHook, FrameSource, FrameVisitor, Identified};
use crate::{Error, Identity};

/// A connection whose frames a [`FrameHook`] sees. A [`HookLayer`](super::HookLayer)
/// makes it.
#[derive(Debug)]
pub struct Hooked<C, H> {
    inner: C,
    hook: H,
}

impl<C, H> Hooked<C, H> {
    /// Puts the hook on a connection.
    pub fn new(inner: C, hook: H) -> Self {
        Self { inner, hook }
    }

    /// The hook.
    pub fn hook(&self) -> &H {
        &self.hook
    }

    /// The hook.
    pub fn hook_mut(&mut self) -> &mut H {
        &mut self.hook
    }

    /// The connection inside.
    pub fn get_ref(&self) -> &C {
        &self.inner
    }

    /// The connection inside.
    pub fn get_mut(&mut self) -> &mut C {
        &mut self.inner
    }

    /// The connection inside, without the hook.
    pub fn into_inner(self) -> C {
        self.inner
    }
}

impl<C: Connection, H: FrameHook> Connection for Hooked<C, H> {
    #[inline(always)]
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        self.inner.poll_recv_through(cx, &mut self.hook, visitor)
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        self.inner.poll_ended(cx)
    }

    #[inline(always)]
    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        self.inner.poll_send_through(cx, &mut self.hook, source)
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_flush(cx)
    }

    #[inline]
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_close(cx)
    }
}

impl<C: Identified, H> Identified for Hooked<C, H> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}
