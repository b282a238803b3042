use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aiomsg_core::{
    Connection, Error, Frame, FrameHook, FrameSource, FrameVisitor, Identified, Identity, Link,
};
use tokio::time::{Instant, Sleep, sleep_until};

use super::HeartbeatLayer;
use super::layer::Settings;
use super::stuck::Stuck;

/// A connection that sends heartbeats, consumes those of the peer, and fails with a
/// timeout when the peer is dead. See the [module](super).
#[derive(Debug)]
pub struct Heartbeat<C> {
    pub(super) inner: C,
    pub(super) settings: Arc<Settings>,
    pub(super) link: Option<Link>,
    /// Wakes the task at the earliest deadline, or before it: it is moved only
    /// when it fires or comes too late, not with every frame.
    pub(super) alarm: Pin<Box<Sleep>>,
    /// When the last frame was flushed.
    pub(super) sent_at: Instant,
    /// Whether a frame was given to the connection since then.
    pub(super) sending: bool,
    /// The peer's last sign of life.
    pub(super) heard_at: Instant,
    /// The bytes that the link had received by then.
    pub(super) heard: u64,
    /// The last time at which the peer did more than drip: it finished a frame, or sent
    /// enough bytes of one. And the bytes that the link had received by then.
    pub(super) moved_at: Instant,
    pub(super) moved: u64,
    /// The link's mark of whole frames, since layers below consume some, such as
    /// acknowledgements.
    pub(super) frames: u64,
    /// Whether the caller waits for frames. While it does not, the silence is ours.
    pub(super) listening: bool,
    /// Whether frames were polled since the last flush. A caller that flushes and does
    /// not read has stopped listening.
    pub(super) polled: bool,
    /// Whether the timed work was done since the last flush.
    pub(super) timed: bool,
    /// The peer takes nothing, which is rare.
    pub(super) stuck: Option<Box<Stuck>>,
    pub(super) closed: bool,
}

impl<C> Heartbeat<C> {
    pub(super) fn new(inner: C, layer: HeartbeatLayer) -> Self {
        let HeartbeatLayer { settings, link } = layer;
        let now = Instant::now();
        Self {
            inner,
            alarm: Box::pin(sleep_until(now + settings.interval)),
            settings,
            link,
            sent_at: now,
            sending: false,
            heard_at: now,
            heard: 0,
            moved_at: now,
            moved: 0,
            frames: 0,
            listening: false,
            polled: false,
            timed: false,
            stuck: None,
            closed: false,
        }
    }

    /// The connection inside.
    pub fn get_ref(&self) -> &C {
        &self.inner
    }

    /// The connection inside.
    pub fn get_mut(&mut self) -> &mut C {
        &mut self.inner
    }

    /// The connection inside.
    pub fn into_inner(self) -> C {
        self.inner
    }
}

impl<C: Connection> Connection for Heartbeat<C> {
    #[inline(always)]
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        self.polled = true;
        let mut passed = Passed(false);
        let polled = self.inner.poll_recv_through(cx, &mut passed, visitor);
        if passed.0 || polled.is_ready() {
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
    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        let mut passed = Passed(false);
        let polled = self.inner.poll_send_through(cx, &mut passed, source);
        self.sending |= passed.0;
        match polled {
            Poll::Pending => self.poll_stuck(cx),
            polled => polled,
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !std::mem::take(&mut self.polled) {
            self.listening = false;
        }
        // Nothing came a moment ago, nothing was sent since, and nothing waits: the timed
        // work was done then.
        let idle = std::mem::take(&mut self.timed) && !self.sending && self.stuck.is_none();
        if idle && self.inner.poll_flush(cx)?.is_ready() {
            return Poll::Ready(Ok(()));
        }
        let now = Instant::now();
        let flushed = self.poll_flush_inner(cx, now)?;
        if flushed.is_pending() {
            self.note_stuck(now);
        }
        // A caller that flushes without reading wants to live on, too.
        match self.poll_time(cx, now) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => flushed.map(Ok),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.closed = true;
        self.inner.poll_close(cx)
    }
}

/// Whether any frame has passed. Heartbeats of the peer are consumed.
struct Passed(bool);

impl FrameHook for Passed {
    #[inline(always)]
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        self.0 = true;
        match frame {
            Frame::Heartbeat => None,
            frame => Some(frame),
        }
    }

    #[inline(always)]
    fn leaving(&mut self, frame: Frame) -> Option<Frame> {
        self.0 = true;
        Some(frame)
    }
}

impl<C: Identified> Identified for Heartbeat<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}
