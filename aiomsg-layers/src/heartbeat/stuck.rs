use std::time::Duration;

use aiomsg_core::Link;
use tokio::time::Instant;

/// For how many timeouts a peer that is heard may take nothing. Its system announces
/// room when a good part of its receive buffer is free: with 8 MiB, and a program that
/// reads 10 kB/s, after 90 s.
const HEARD: u32 = 8;

/// How often the system is asked within a timeout.
const ASKED: u32 = 8;

/// Bytes that wait for a peer because the system takes no more.
#[derive(Debug)]
pub(super) struct Stuck {
    /// The last time at which the peer is known to have taken some.
    taken_at: Instant,
    /// The bytes that the system had taken by then. Without a view of the wire that is
    /// not known: then the peer is not dead, but no heartbeat is due, either.
    sent: Option<u64>,
    /// The bytes that had been received by then.
    received: u64,
    /// Whether a frame came since.
    heard: bool,
    /// The bytes that the system held at the last look.
    queue: Option<u64>,
    /// The time of the last look.
    asked_at: Instant,
}

impl Stuck {
    pub(super) fn new(now: Instant, link: Option<&Link>) -> Self {
        Self {
            taken_at: now,
            sent: link.map(Link::sent),
            received: link.map_or(0, Link::received),
            heard: false,
            queue: None,
            asked_at: now,
        }
    }

    /// Whether the system has taken more since.
    pub(super) fn has_moved(&self, link: Option<&Link>) -> bool {
        self.sent != link.map(Link::sent)
    }

    /// A frame came.
    pub(super) fn hear(&mut self) {
        self.heard = true;
    }

    /// Asks the system whether the peer has taken some of the bytes that it holds, if it
    /// is time for that.
    pub(super) fn ask(&mut self, now: Instant, link: Option<&Link>, timeout: Duration) {
        let Some(link) = link.filter(|_| now >= self.asked_at + timeout / ASKED) else {
            return;
        };
        self.asked_at = now;
        let Some(queue) = link.send_queue() else {
            return;
        };
        // The first answer is compared with the next. The peer may have taken some until
        // now.
        if self
            .queue
            .replace(queue)
            .is_none_or(|before| queue < before)
        {
            self.taken_at = now;
            self.received = link.received();
            self.heard = false;
        }
    }

    /// How long the peer may take nothing.
    pub(super) fn limit(&self, link: Option<&Link>, timeout: Duration) -> Duration {
        let received = link.map_or(0, Link::received);
        match self.heard || received != self.received {
            true => timeout * HEARD,
            false => timeout,
        }
    }

    /// When the peer is dead, unless it takes some or is heard.
    pub(super) fn dead_at(&self, link: Option<&Link>, timeout: Duration) -> Option<Instant> {
        self.sent?;
        Some(self.taken_at + self.limit(link, timeout))
    }

    /// The time of the next check.
    pub(super) fn deadline(&self, link: Option<&Link>, timeout: Duration) -> Option<Instant> {
        let dead_at = self.dead_at(link, timeout)?;
        Some(dead_at.min(self.asked_at + timeout / ASKED))
    }
}
