use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Error, Frame, Link};

use super::{codec, frame_len};

/// What the layer is yet to read.
#[derive(Debug)]
pub(super) struct Incoming {
    frames: VecDeque<Frame>,
    /// Bytes that came and were not read.
    unread: usize,
    end: End,
    pub(super) reader: Option<Waker>,
}

/// What is behind the last frame.
#[derive(Debug)]
enum End {
    Open,
    Failed(Error),
    Ended,
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            frames: VecDeque::new(),
            unread: 0,
            end: End::Open,
            reader: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.end, End::Open)
    }

    pub(super) fn push(&mut self, frame: Frame) {
        // What a peer sends is not bound by our limits.
        let len = frame_len(&mut codec().max_message(usize::MAX), &frame);
        self.unread += len.unwrap_or_default();
        self.frames.push_back(frame);
    }

    pub(super) fn push_bytes(&mut self, bytes: usize) {
        self.unread += bytes;
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.end = End::Failed(error);
    }

    pub(super) fn end(&mut self) {
        self.end = End::Ended;
    }

    pub(super) fn poll_next(
        &mut self,
        link: &Link,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, Error>>> {
        // One read takes all that is there.
        let bytes = std::mem::take(&mut self.unread);
        if bytes > 0 {
            link.add_received(bytes);
        }
        if let Some(frame) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        match std::mem::replace(&mut self.end, End::Ended) {
            End::Failed(error) => Poll::Ready(Some(Err(error))),
            End::Ended => Poll::Ready(None),
            End::Open => {
                self.end = End::Open;
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
