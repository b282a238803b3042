//! Ending in good order.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::control::State;
use super::counts::{Loss, read};
use super::shared::{Proxy, Relays};
use crate::common::failure::{Failure, Outcome};
use crate::common::say::tell;
use crate::common::wait::until;

/// When nothing has moved for so long, no reply is waited for any more.
const QUIET: Duration = Duration::from_secs(1);

/// The fate of the messages of the producers.
#[derive(Debug, Default)]
pub(super) struct Report {
    taken: u64,
    forwarded: u64,
    unacknowledged: u64,
    unsent: u64,
    /// The most messages that were sent to consumers and may not have been read.
    unconfirmed: u64,
    dropped: Vec<(String, u64)>,
    /// How many messages stay in the spool.
    stored: Option<u64>,
    replies: Option<(u64, u64)>,
}

impl Proxy {
    /// Admits no new peers, forwards the received messages, waits for outstanding
    /// replies, and closes both sides.
    ///
    /// A message that is not acknowledged to its producer is not taken any more: the
    /// producer keeps it, and sends it again.
    ///
    /// With a spool, it stores and acknowledges what had arrived. What consumers do not
    /// acknowledge in time stays in the spool.
    pub(super) async fn drain(&self, mut relays: Relays) -> Outcome<Report> {
        let settings = self.settings();
        let deadline = Instant::now() + settings.drain_deadline;
        let left = || deadline.saturating_duration_since(Instant::now());
        // The rest of the time is for replies in the queues of producers.
        let soon = deadline - settings.drain_deadline / 4;
        // This ends a pause, too: received messages are forwarded.
        self.control.set(State::Draining);
        self.frontend.stop_listening().await;
        if settings.replies {
            let _ = timeout_at(soon, self.quiet()).await;
        }
        if settings.defers() {
            // The acknowledgements go out while their producers are connected.
            let caught_up = || self.spool.as_ref().is_none_or(|it| it.is_caught_up());
            let done = until(|| caught_up() && self.counts.messages.in_hand() == 0);
            let _ = timeout_at(soon, done).await;
        }
        let frontend = &self.frontend.socket;
        let backend = &self.backend.socket;
        // A producer that does not read its replies has its time, and consumers theirs.
        frontend.close(left() / 4 * 3).await;
        self.control.set(State::Emptying);
        // It ends when nothing is in the frontend any more.
        let emptied = timeout_at(deadline, &mut relays.onward).await.is_ok();
        if let Some(spool) = &self.spool {
            spool.give_up();
        }
        let patience = match &self.spool {
            // Messages stay in the spool for those that come later.
            Some(_) if backend.stats().peers == 0 => Duration::ZERO,
            Some(_) => left(),
            None => {
                // A consumer may still come for waiting messages.
                let waits = || {
                    let stats = backend.stats();
                    stats.buffered_messages + stats.unacknowledged_messages > 0
                };
                let _ = timeout_at(deadline, until(|| !waits())).await;
                left()
            }
        };
        let closed = backend.close(patience).await;
        // Both sides are closed: the tasks end when the fate of every received message
        // is counted.
        if !emptied {
            let _ = relays.onward.await;
        }
        let _ = relays.back.await;
        let stored = match (&self.spool, relays.drainer) {
            (Some(spool), Some(drainer)) => Some(spool.close(drainer).await?),
            _ => None,
        };

        let messages = &self.counts.messages;
        let mut report = Report {
            taken: frontend.stats().received_messages,
            forwarded: read(&messages.forwarded),
            unacknowledged: read(&messages.unacknowledged),
            unconfirmed: closed.unconfirmed_messages(),
            unsent: messages.in_hand() + frontend.stats().unreceived_messages as u64,
            dropped: self.dropped(),
            stored,
            replies: settings.replies.then(|| {
                let replies = &self.counts.replies;
                (read(&replies.taken), read(&replies.forwarded))
            }),
        };
        // With both sides acknowledged, unacknowledged messages are in hand already.
        if !(settings.defers() && settings.resends()) {
            let unsent = closed.unsent.len() + closed.unacknowledged.len();
            report.unsent += unsent as u64;
            report.forwarded = report.forwarded.saturating_sub(unsent as u64);
        }
        Ok(report)
    }

    /// Ready when every message that was forwarded has its reply and no other
    /// waits, or nothing moves any more.
    async fn quiet(&self) {
        let (messages, replies) = (&self.counts.messages, &self.counts.replies);
        let moved = || read(&messages.forwarded) + read(&replies.taken);
        let (mut before, mut since) = (moved(), Instant::now());
        until(|| {
            if moved() != before {
                (before, since) = (moved(), Instant::now());
            }
            let waiting = self.frontend.socket.stats().unreceived_messages;
            let owed = read(&messages.forwarded) > read(&replies.taken);
            (waiting == 0 && !owed) || since.elapsed() >= QUIET
        })
        .await;
    }

    /// The dropped messages, by side and reason, where there are any.
    pub(super) fn dropped(&self) -> Vec<(String, u64)> {
        let mut dropped = Vec::new();
        for side in [&self.frontend, &self.backend] {
            for (reason, count) in side.socket.stats().drops.iter() {
                dropped.push((format!("{} by the {}", reason.name(), side.name), count));
            }
        }
        for (way, of) in [
            ("message", &self.counts.messages),
            ("reply", &self.counts.replies),
        ] {
            for why in Loss::ALL {
                dropped.push((format!("{} {way}", why.name()), of.lost(why)));
            }
        }
        dropped.retain(|(_, count)| *count > 0);
        dropped
    }
}

impl Report {
    pub(super) fn print(&self) {
        let Self {
            taken,
            forwarded,
            unacknowledged,
            unsent,
            unconfirmed,
            ..
        } = self;
        let dropped: u64 = self.dropped.iter().map(|(_, count)| count).sum();
        tracing::info!(
            taken,
            forwarded,
            unacknowledged,
            unsent,
            unconfirmed,
            dropped,
            "drained"
        );
        let done = match self.stored {
            Some(_) => "stored",
            None => "forwarded",
        };
        tell(format_args!(
            "drained: {taken} taken, {forwarded} {done}, {unacknowledged} unacknowledged, \
             {unsent} unsent, {dropped} dropped"
        ));
        if let Some(stored) = self.stored {
            tell(format_args!("  {stored} stay in the spool"));
        }
        if *unconfirmed > 0 {
            tell(format_args!(
                "  up to {unconfirmed} forwarded to consumers that have not shown that they had read \
                 everything"
            ));
        }
        for (what, count) in &self.dropped {
            tell(format_args!("  {count} dropped: {what}"));
        }
        if let Some((taken, forwarded)) = self.replies {
            tell(format_args!(
                "  replies: {taken} taken, {forwarded} forwarded"
            ));
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        match (self.unsent, self.unconfirmed) {
            (0, 0) => Ok(()),
            (0, unconfirmed) => Err(Failure::failed(format!(
                "messages that may be lost, as consumers have not shown before the drain deadline \
                 that they had read them: up to {unconfirmed}"
            ))),
            (unsent, _) => Err(Failure::failed(format!(
                "messages that are lost, as no consumer took them before the drain deadline: {unsent}"
            ))),
        }
    }
}
