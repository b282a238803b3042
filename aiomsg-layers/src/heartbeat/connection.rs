use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aiomsg_core::{Connection, Error, ErrorKind, Frame, Link};
use futures_core::Stream;
use futures_sink::Sink;
use tokio::time::{Instant, Sleep, sleep_until};

use super::HeartbeatLayer;
use super::stuck::Stuck;

/// A connection that sends heartbeats, swallows those of the peer, and fails
/// with a timeout when the peer is dead. See the [module](super).
#[derive(Debug)]
pub struct Heartbeat<C> {
    pub(super) inner: C,
    settings: HeartbeatLayer,
    /// Wakes the task at the earliest deadline, or before it: it is moved only
    /// when it fires or comes too late, not with every frame.
    alarm: Pin<Box<Sleep>>,
    /// When the last frame was flushed.
    sent_at: Instant,
    /// Whether a frame was given to the connection since then.
    pub(super) sending: bool,
    /// When the peer last gave a sign of life.
    heard_at: Instant,
    /// What the link had received by then.
    heard: u64,
    /// When the peer had last done what makes for more than a drip: a frame, or
    /// enough bytes of one. What the link had received by then.
    moved_at: Instant,
    moved: u64,
    /// Of the whole frames that the link tells of: layers below keep some to
    /// themselves, as acknowledgements.
    frames: u64,
    /// Whether the stream is being waited for. While it is not, silence is
    /// our own.
    pub(super) listening: bool,
    /// Whether the stream was polled since the last flush. Whoever flushes and
    /// does not read has stopped listening.
    pub(super) polled: bool,
    /// What the time of day asks for was done since the last flush.
    timed: bool,
    /// The peer takes nothing.
    stuck: Option<Stuck>,
    /// The caller was told that it may send, and has not: the place is its own,
    /// and what it sends there does as well as a heartbeat.
    pub(super) reserved: bool,
    closed: bool,
}

impl<C> Heartbeat<C> {
    pub(super) fn new(inner: C, settings: HeartbeatLayer) -> Self {
        let now = Instant::now();
        Self {
            inner,
            alarm: Box::pin(sleep_until(now + settings.interval)),
            settings,
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
            reserved: false,
            closed: false,
        }
    }

    /// The connection inside.
    pub fn get_ref(&self) -> &C {
        &self.inner
    }

    fn received(&self) -> u64 {
        self.settings.link.as_ref().map_or(0, Link::received)
    }

    /// Nothing came: notes when the silence began.
    fn note_silence(&mut self, now: Instant) {
        let received = self.received();
        let frames = self.settings.link.as_ref().map_or(0, Link::frames);
        let whole = std::mem::replace(&mut self.frames, frames) != frames;
        if !self.listening || whole || received != self.heard {
            if !self.listening || whole || received - self.moved >= self.settings.least {
                self.moved_at = now;
                self.moved = received;
            }
            self.listening = true;
            self.heard_at = now;
            self.heard = received;
        }
    }

    /// The peer does not take what waits for it: notes since when.
    fn note_stuck(&mut self, now: Instant) {
        let link = self.settings.link.as_ref();
        match &mut self.stuck {
            Some(stuck) if !stuck.has_moved(link) => {}
            stuck => *stuck = Some(Stuck::new(now, link)),
        }
    }

    /// A frame came.
    #[inline(always)]
    pub(super) fn hear(&mut self) {
        self.listening = false;
        if let Some(stuck) = &mut self.stuck {
            stuck.hear();
        }
    }

    /// Fails when the peer is dead.
    fn check(&self, now: Instant) -> Result<(), Error> {
        if self.settings.patience.is_patient() {
            return Ok(());
        }
        let timeout = self.settings.timeout;
        let link = self.settings.link.as_ref();
        let dead_after = |timeout: Duration, reason| {
            Err(Error::new(ErrorKind::Timeout).with_reason(format!("{reason} for {timeout:?}")))
        };
        let dead = |reason| dead_after(timeout, reason);
        if self.listening && now >= self.heard_at + timeout {
            return dead("nothing was received from the peer");
        }
        if self.listening && now >= self.moved_at + timeout && self.heard > self.moved {
            return dead("the peer sent less than a slow link brings, and no whole frame,");
        }
        if let Some(stuck) = &self.stuck
            && stuck.dead_at(link, timeout).is_some_and(|at| now >= at)
        {
            let reason = "the peer took none of the bytes that wait for it";
            return dead_after(stuck.limit(link, timeout), reason);
        }
        Ok(())
    }

    fn next_deadline(&self) -> Instant {
        let timeout = self.settings.timeout;
        let send = self.sent_at + self.settings.interval;
        // A drip counts from earlier on than silence does.
        let since = match self.heard > self.moved {
            true => self.moved_at.min(self.heard_at),
            false => self.heard_at,
        };
        let silence = self.listening.then(|| since + timeout);
        let link = self.settings.link.as_ref();
        let stuck = self.stuck.as_ref();
        let stuck = stuck.and_then(|stuck| stuck.deadline(link, timeout));
        let send = self.may_send().then_some(send);
        let deaths = match self.settings.patience.is_patient() {
            true => [None, None],
            false => [silence, stuck],
        };
        [send, deaths[0], deaths[1]]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| Instant::now() + timeout)
    }

    /// Whether a heartbeat may be sent when it is due. While bytes wait, none is
    /// needed: they are the sign of life.
    fn may_send(&self) -> bool {
        self.stuck.is_none() && !self.reserved && !self.closed
    }

    /// Sees to it that the task is woken at the next deadline.
    fn set_alarm(&mut self, cx: &mut Context<'_>) {
        let deadline = self.next_deadline();
        if self.alarm.is_elapsed() || self.alarm.deadline() > deadline {
            self.alarm.as_mut().reset(deadline);
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            // It was set for an earlier deadline that has moved since.
            let deadline = self.next_deadline();
            self.alarm.as_mut().reset(deadline);
            if deadline <= Instant::now() {
                cx.waker().wake_by_ref();
                return;
            }
        }
    }
}

impl<C: Connection> Heartbeat<C> {
    /// Nothing comes now.
    #[inline(never)]
    pub(super) fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let now = Instant::now();
        self.timed = true;
        self.note_silence(now);
        match self.poll_time(cx, now) {
            Poll::Ready(Err(error)) => Poll::Ready(error),
            _ => Poll::Pending,
        }
    }

    /// The peer takes nothing now.
    #[inline(never)]
    pub(super) fn poll_stuck(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let now = Instant::now();
        self.note_stuck(now);
        self.poll_time(cx, now)
    }

    /// Does what the time of day asks for.
    fn poll_time(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), Error>> {
        if let Some(stuck) = &mut self.stuck
            && !self.settings.patience.is_patient()
        {
            let HeartbeatLayer { link, timeout, .. } = &self.settings;
            stuck.ask(now, link.as_ref(), *timeout);
        }
        self.check(now)?;
        if self.may_send() && !self.sending && now >= self.sent_at + self.settings.interval {
            if Pin::new(&mut self.inner).poll_ready(cx)?.is_ready() {
                Pin::new(&mut self.inner).start_send(Frame::Heartbeat)?;
                self.sending = true;
            }
            if self.poll_flush_inner(cx, now)?.is_pending() {
                self.note_stuck(now);
            }
        }
        self.set_alarm(cx);
        Poll::Pending
    }

    fn poll_flush_inner(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Result<(), Error>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.stuck = None;
        if std::mem::take(&mut self.sending) {
            self.sent_at = now;
        }
        Poll::Ready(Ok(()))
    }
}

impl<C: Connection> Stream for Heartbeat<C> {
    type Item = Result<Frame, Error>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.polled = true;
        loop {
            match Pin::new(&mut this.inner).poll_next(cx) {
                Poll::Ready(Some(Ok(Frame::Heartbeat))) => this.hear(),
                Poll::Ready(item) => {
                    this.hear();
                    return Poll::Ready(item);
                }
                Poll::Pending => return this.poll_silence(cx).map(|error| Some(Err(error))),
            }
        }
    }
}

impl<C: Connection> Sink<Frame> for Heartbeat<C> {
    type Error = Error;

    #[inline]
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if Pin::new(&mut this.inner).poll_ready(cx)?.is_ready() {
            this.reserved = true;
            return Poll::Ready(Ok(()));
        }
        this.poll_stuck(cx)
    }

    #[inline]
    fn start_send(self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        let this = self.get_mut();
        this.reserved = false;
        Pin::new(&mut this.inner).start_send(frame)?;
        this.sending = true;
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if !std::mem::take(&mut this.polled) {
            this.listening = false;
        }
        // Nothing came a moment ago, nothing was sent since, and nothing waits: what
        // the time of day asks for was done then.
        let idle = std::mem::take(&mut this.timed) && !this.sending && this.stuck.is_none();
        if idle && Pin::new(&mut this.inner).poll_flush(cx)?.is_ready() {
            return Poll::Ready(Ok(()));
        }
        let now = Instant::now();
        let flushed = this.poll_flush_inner(cx, now)?;
        if flushed.is_pending() {
            this.note_stuck(now);
        }
        // Whoever flushes without reading wants to live on, too.
        match this.poll_time(cx, now) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => flushed.map(Ok),
        }
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.closed = true;
        Pin::new(&mut this.inner).poll_close(cx)
    }
}
