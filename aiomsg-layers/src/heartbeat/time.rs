//! Timed work: sending heartbeats, and ending a dead peer's connection.

use std::future::Future;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aiomsg_core::{Connection, Error, ErrorKind, Frame, Link};
use tokio::time::Instant;

use super::Heartbeat;
use super::stuck::Stuck;

impl<C> Heartbeat<C> {
    fn received(&self) -> u64 {
        self.link.as_ref().map_or(0, Link::received)
    }

    /// Notes when the silence began.
    fn note_silence(&mut self, now: Instant) {
        let received = self.received();
        let frames = self.link.as_ref().map_or(0, Link::frames);
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

    /// Notes since when the peer takes nothing.
    pub(super) fn note_stuck(&mut self, now: Instant) {
        let link = self.link.as_ref();
        match &mut self.stuck {
            Some(stuck) if !stuck.has_moved(link) => {}
            stuck => *stuck = Some(Box::new(Stuck::new(now, link))),
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
        let link = self.link.as_ref();
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
        // A drip has begun before the silence.
        let since = match self.heard > self.moved {
            true => self.moved_at.min(self.heard_at),
            false => self.heard_at,
        };
        let silence = self.listening.then(|| since + timeout);
        let link = self.link.as_ref();
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
        self.stuck.is_none() && !self.closed
    }

    /// Sets the alarm to the next deadline.
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

    /// Does the timed work.
    pub(super) fn poll_time(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<(), Error>> {
        if let Some(stuck) = &mut self.stuck
            && !self.settings.patience.is_patient()
        {
            stuck.ask(now, self.link.as_ref(), self.settings.timeout);
        }
        self.check(now)?;
        if self.may_send() && !self.sending && now >= self.sent_at + self.settings.interval {
            let mut heartbeat = Some(Frame::Heartbeat);
            let _ = self.inner.poll_send(cx, &mut heartbeat)?;
            self.sending |= heartbeat.is_none();
            if self.poll_flush_inner(cx, now)?.is_pending() {
                self.note_stuck(now);
            }
        }
        self.set_alarm(cx);
        Poll::Pending
    }

    pub(super) fn poll_flush_inner(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<(), Error>> {
        ready!(self.inner.poll_flush(cx))?;
        self.stuck = None;
        if std::mem::take(&mut self.sending) {
            self.sent_at = now;
        }
        Poll::Ready(Ok(()))
    }
}
