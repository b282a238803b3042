//! The two ends of a batch, for tests.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use aiomsg_core::{Frame, FrameSource, FrameVisitor};

/// Keeps its frames, and wants this many.
pub(crate) struct Seen {
    pub(crate) frames: Vec<Frame>,
    pub(crate) most: usize,
}

impl Seen {
    pub(crate) fn up_to(most: usize) -> Self {
        Self {
            frames: Vec::new(),
            most,
        }
    }
}

impl FrameVisitor for Seen {
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        self.frames.push(frame);
        match self.frames.len() < self.most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

/// Yields these frames.
pub(crate) struct Frames(pub(crate) VecDeque<Frame>);

impl FrameSource for Frames {
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        while let Some(frame) = self.0.pop_front() {
            visitor.visit(frame)?;
        }
        ControlFlow::Continue(())
    }
}
