//! Polling a connection through a hook.

use std::ops::ControlFlow;
use std::task::{Context, Poll};

use super::{Connection, FrameHook, FrameSource, FrameVisitor};
use crate::{Error, Frame};

/// The most frames that a hook drops in one call before other tasks have their turn: a
/// peer may send nothing else.
const ROUND: usize = 4096;

/// See [`Connection::poll_recv_through`].
#[inline(always)]
pub(super) fn poll_recv<C: Connection + ?Sized, H: FrameHook, V: FrameVisitor>(
    inner: &mut C,
    cx: &mut Context<'_>,
    hook: &mut H,
    visitor: &mut V,
) -> Poll<Option<Result<(), Error>>> {
    let mut arriving = Arriving {
        hook,
        visitor,
        dropped: 0,
    };
    let mut polled = inner.poll_recv(cx, &mut arriving);
    if arriving.has_stopped() && matches!(polled, Poll::Ready(Some(Ok(())))) {
        // Others have their turn.
        cx.waker().wake_by_ref();
        polled = Poll::Pending;
    }
    match (hook.settle(), polled) {
        (Ok(()), polled) => polled,
        // What ended the connection before is the reason.
        (Err(_), Poll::Ready(Some(Err(error)))) => Poll::Ready(Some(Err(error))),
        (Err(error), _) => Poll::Ready(Some(Err(error))),
    }
}

/// See [`Connection::poll_send_through`].
#[inline(always)]
pub(super) fn poll_send<C: Connection + ?Sized, H: FrameHook, S: FrameSource>(
    inner: &mut C,
    cx: &mut Context<'_>,
    hook: &mut H,
    source: &mut S,
) -> Poll<Result<(), Error>> {
    let polled = inner.poll_send(cx, &mut Leaving { hook, source });
    let settled = hook.settle();
    match (settled, polled) {
        (Ok(()), polled) => polled,
        // What ended the connection before is the reason.
        (Err(_), Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
        (Err(error), _) => Poll::Ready(Err(error)),
    }
}

/// Forwards the frames that the hook lets arrive.
struct Arriving<'a, H, V> {
    hook: &'a mut H,
    visitor: &'a mut V,
    /// How many frames were dropped.
    dropped: usize,
}

impl<H, V> Arriving<'_, H, V> {
    /// Whether this visitor stopped, and not the one that it wraps.
    #[inline(always)]
    fn has_stopped(&self) -> bool {
        self.dropped >= ROUND
    }
}

impl<H: FrameHook, V: FrameVisitor> FrameVisitor for Arriving<'_, H, V> {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        match self.hook.arriving(frame) {
            Some(frame) => self.visitor.visit(frame),
            None => {
                self.dropped += 1;
                match self.has_stopped() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            }
        }
    }
}

/// Yields the frames that the hook lets leave.
struct Leaving<'a, H, S> {
    hook: &'a mut H,
    source: &'a mut S,
}

impl<H: FrameHook, S: FrameSource> FrameSource for Leaving<'_, H, S> {
    #[inline(always)]
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        let mut passing = Passing {
            hook: self.hook,
            visitor,
        };
        self.source.feed(&mut passing)
    }
}

struct Passing<'a, H, V> {
    hook: &'a mut H,
    visitor: &'a mut V,
}

impl<H: FrameHook, V: FrameVisitor> FrameVisitor for Passing<'_, H, V> {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        match self.hook.leaving(frame) {
            Some(frame) => self.visitor.visit(frame),
            None => ControlFlow::Continue(()),
        }
    }
}
