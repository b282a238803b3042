//! Visitors and sources: how frames pass from layer to layer.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use crate::Frame;

/// Takes frames, one after the other.
pub trait FrameVisitor {
    /// Takes a frame, and says whether it wants more.
    fn visit(&mut self, frame: Frame) -> ControlFlow<()>;
}

/// A closure is a visitor.
///
/// ```
/// use std::ops::ControlFlow;
/// use aiomsg_core::{Frame, FrameSource};
///
/// let mut seen = Vec::new();
/// let _ = Some(Frame::data("hi")).feed(&mut |frame| {
///     seen.push(frame);
///     ControlFlow::Continue(())
/// });
/// assert_eq!(seen, [Frame::data("hi")]);
/// ```
impl<F: FnMut(Frame) -> ControlFlow<()>> FrameVisitor for F {
    #[inline(always)]
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        self(frame)
    }
}

/// Yields frames to send.
pub trait FrameSource {
    /// Calls the visitor with the next frames, in their order, until it wants no more
    /// or none are left.
    ///
    /// [`Continue`](ControlFlow::Continue) says that there are no more frames, and
    /// [`Break`](ControlFlow::Break) that the visitor wanted no more and there may be.
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()>;
}

/// One frame, or none.
impl FrameSource for Option<Frame> {
    #[inline]
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        if let Some(frame) = self.take() {
            // No other frame is left that it could want.
            let _ = visitor.visit(frame);
        }
        ControlFlow::Continue(())
    }
}

/// The oldest first.
impl FrameSource for VecDeque<Frame> {
    #[inline]
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        while let Some(frame) = self.pop_front() {
            if visitor.visit(frame).is_break() && !self.is_empty() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}
