use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Error, ErrorKind, Frame, Link};
use aiomsg_layers::queue::{WakerList, Woken};
use aiomsg_transport::codec::FrameCodec;

use super::{MockConnection, codec, frame_len};

/// What the layer has sent, and how far it came.
///
/// ```text
///  start_send ─▶ started ── flush, as far as the peer takes bytes ─▶ sent ─▶ the test
/// ```
#[derive(Debug)]
pub(super) struct Outgoing {
    codec: FrameCodec,
    /// `poll_ready` was ready, and no frame was started since.
    ready: bool,
    pub(super) ready_blocked: bool,
    /// The most frames that are started and have not left.
    pub(super) room: usize,
    /// Frames of which not every byte has left, with the position of their
    /// last byte.
    started: VecDeque<(u64, Frame)>,
    sent: VecDeque<Frame>,
    /// Positions in the stream of bytes: how much was started, and how much of
    /// that has left.
    given: u64,
    taken: u64,
    /// How many bytes the peer still takes, `None` if it takes all.
    allowance: Option<u64>,
    /// The error that the sink fails with next.
    failure: Option<Error>,
    /// The sink has failed, or will at the next look.
    failed: bool,
    stage: Stage,
    /// Something happened that the test may be waiting for.
    news: bool,
    pub(super) writer: Option<Waker>,
    watchers: WakerList,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Open,
    /// `poll_close` was called.
    Closing,
    Closed,
    Dropped,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            codec: codec(),
            ready: false,
            ready_blocked: false,
            room: MockConnection::ROOM,
            started: VecDeque::new(),
            sent: VecDeque::new(),
            given: 0,
            taken: 0,
            allowance: None,
            failure: None,
            failed: false,
            stage: Stage::Open,
            news: false,
            writer: None,
            watchers: WakerList::default(),
        }
    }

    // ===== the layer =====

    pub(super) fn poll_ready(
        &mut self,
        link: &Link,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.ready = false;
        self.check()?;
        if self.stage >= Stage::Closing {
            return Poll::Ready(Err(Error::new(ErrorKind::Disconnected)
                .with_reason("this end has closed the connection")));
        }
        if self.started.len() >= self.room {
            // A task that waits for room need not know that a flush makes some.
            self.drain(link);
        }
        if self.ready_blocked || self.started.len() >= self.room {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    #[track_caller]
    pub(super) fn start_send(&mut self, frame: Frame) -> Result<(), Error> {
        assert!(
            self.stage < Stage::Closing,
            "start_send after poll_close: {frame:?}"
        );
        assert!(
            std::mem::take(&mut self.ready),
            "start_send without poll_ready, which must be ready before each frame: {frame:?}"
        );
        self.given += frame_len(&mut self.codec, &frame)? as u64;
        self.started.push_back((self.given, frame));
        Ok(())
    }

    pub(super) fn poll_flush(
        &mut self,
        link: &Link,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.check()?;
        self.drain(link);
        if self.started.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn poll_close(
        &mut self,
        link: &Link,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.stage = self.stage.max(Stage::Closing);
        let flushed = self.poll_flush(link, cx);
        if let Poll::Ready(Ok(())) = flushed {
            self.stage = self.stage.max(Stage::Closed);
            self.news = true;
        }
        flushed
    }

    /// The connection is dropped, with these frames unsent.
    pub(super) fn drop(&mut self) -> impl Iterator<Item = Frame> {
        self.stage = Stage::Dropped;
        self.news = true;
        self.started.drain(..).map(|(_, frame)| frame)
    }

    fn check(&mut self) -> Result<(), Error> {
        match self.failure.take() {
            Some(error) => Err(error),
            None if self.failed => {
                Err(Error::new(ErrorKind::Disconnected)
                    .with_reason("the connection has failed before"))
            }
            None => Ok(()),
        }
    }

    /// Lets leave what the peer takes.
    fn drain(&mut self, link: &Link) {
        if self.started.is_empty() {
            return;
        }
        let waiting = self.given - self.taken;
        let bytes = self.allowance.map_or(waiting, |most| most.min(waiting));
        if let Some(allowance) = &mut self.allowance {
            *allowance -= bytes;
        }
        self.taken += bytes;
        let left = (waiting - bytes) as usize;
        match bytes {
            0 => link.set_waiting(left),
            _ => link.add_sent(bytes as usize, left),
        }
        while self
            .started
            .front()
            .is_some_and(|(end, _)| *end <= self.taken)
            && let Some((_, frame)) = self.started.pop_front()
        {
            self.sent.push_back(frame);
            self.news = true;
        }
    }

    // ===== the test =====

    pub(super) fn block(&mut self) {
        self.allowance = Some(0);
    }

    pub(super) fn unblock(&mut self) {
        self.allowance = None;
    }

    /// Lets more bytes pass, if not all do.
    pub(super) fn allow(&mut self, bytes: usize) {
        if let Some(allowance) = &mut self.allowance {
            *allowance = allowance.saturating_add(bytes as u64);
        }
    }

    pub(super) fn fail(&mut self, error: Error) {
        self.failure = Some(error);
        self.failed = true;
        self.news = true;
    }

    /// The next frame that left, `None` when no more can follow.
    pub(super) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        if let Some(frame) = self.sent.pop_front() {
            return Poll::Ready(Some(frame));
        }
        if self.failed || self.stage >= Stage::Closed {
            return Poll::Ready(None);
        }
        self.watchers.register(cx.waker());
        Poll::Pending
    }

    pub(super) fn try_sent(&mut self) -> Option<Frame> {
        self.sent.pop_front()
    }

    pub(super) fn take_sent(&mut self) -> Vec<Frame> {
        self.sent.drain(..).collect()
    }

    pub(super) fn unflushed(&self) -> Vec<Frame> {
        let started = self.started.iter();
        started.map(|(_, frame)| frame.clone()).collect()
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.started.is_empty()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stage >= Stage::Closed
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.stage == Stage::Dropped
    }

    pub(super) fn take_watchers(&mut self) -> Woken {
        match std::mem::take(&mut self.news) {
            true => self.watchers.take(),
            false => Woken::default(),
        }
    }
}
