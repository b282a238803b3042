//! Messages that are copied out of the buffer that they were read into.

use std::ops::ControlFlow;

use aiomsg_core::{Frame, FrameVisitor};
use bytes::Bytes;

/// Copies messages that are small before it passes them on.
pub(super) struct Copying<'a> {
    pub(super) visitor: &'a mut dyn FrameVisitor,
    pub(super) below: usize,
}

impl FrameVisitor for Copying<'_> {
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        self.visitor.visit(copy(frame, self.below))
    }
}

/// The frame, its message copied if that is smaller than this.
#[cold]
pub(super) fn copy(mut frame: Frame, below: usize) -> Frame {
    match &mut frame {
        Frame::Data { payload, .. } | Frame::Request { payload, .. } => copy_small(payload, below),
        Frame::WithHeaders(message) => {
            copy_small(&mut message.payload, below);
            message.headers.unshare();
        }
        _ => {}
    }
    frame
}

fn copy_small(payload: &mut Bytes, below: usize) {
    if payload.len() < below {
        *payload = Bytes::copy_from_slice(payload);
    }
}
