//! Many frames in one call.

use std::ops::ControlFlow;
use std::task::{Context, Poll};

use aiomsg_core::{BatchConnection, Error, Frame, FrameSource, FrameVisitor};

use super::Heartbeat;

impl<C: BatchConnection> BatchConnection for Heartbeat<C> {
    #[inline(always)]
    fn poll_next_batch<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        self.polled = true;
        let mut heard = Heard {
            any: false,
            visitor,
        };
        let polled = self.inner.poll_next_batch(cx, &mut heard);
        if heard.any || polled.is_ready() {
            self.hear();
        }
        match polled {
            Poll::Pending => self.poll_silence(cx).map(|error| Some(Err(error))),
            polled => polled,
        }
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        self.inner.poll_ended(cx)
    }

    #[inline(always)]
    fn poll_send_batch<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        let mut saying = Saying { any: false, source };
        let polled = self.inner.poll_send_batch(cx, &mut saying);
        self.sending |= saying.any;
        match polled {
            Poll::Pending => self.poll_stuck(cx),
            polled => {
                self.reserved = false;
                polled
            }
        }
    }
}

/// Keeps heartbeats to itself.
struct Heard<'a, V> {
    any: bool,
    visitor: &'a mut V,
}

impl<V: FrameVisitor> FrameVisitor for Heard<'_, V> {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        self.any = true;
        match frame {
            Frame::Heartbeat => ControlFlow::Continue(()),
            frame => self.visitor.visit(frame),
        }
    }
}

/// Notes whether anything is sent.
struct Saying<'a, S> {
    any: bool,
    source: &'a mut S,
}

impl<S: FrameSource> FrameSource for Saying<'_, S> {
    #[inline(always)]
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        let mut said = Said {
            any: &mut self.any,
            visitor,
        };
        self.source.feed(&mut said)
    }
}

struct Said<'a, V> {
    any: &'a mut bool,
    visitor: &'a mut V,
}

impl<V: FrameVisitor> FrameVisitor for Said<'_, V> {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        *self.any = true;
        self.visitor.visit(frame)
    }
}
