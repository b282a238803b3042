//! The failures of one kind, and the lines about them.

use tokio::time::Instant;

use super::{Line, Reasons, Recent};

pub(super) struct Entry<K, V> {
    kind: K,
    last: V,
    pressing: bool,
    at: Instant,
    count: u64,
    logged: Instant,
    /// Whether the last line was about a pressing failure.
    logged_pressing: bool,
    /// The number of failures since the last line.
    unlogged: u64,
}

impl<K: Clone, V: Clone> Entry<K, V> {
    /// The entry of a first failure, which is logged.
    pub(super) fn new(kind: K, failure: V, pressing: bool, now: Instant) -> Self {
        Self {
            kind,
            last: failure,
            pressing,
            at: now,
            count: 1,
            logged: now,
            logged_pressing: pressing,
            unlogged: 0,
        }
    }

    pub(super) fn first_line(&self) -> Line<K, V> {
        self.line(0)
    }

    /// Counts one more. Returns the line to log now, and whether this is the first one to log
    /// later.
    pub(super) fn note(
        &mut self,
        kind: K,
        failure: V,
        pressing: bool,
        now: Instant,
    ) -> (Option<Line<K, V>>, bool) {
        self.kind = kind;
        self.last = failure;
        self.pressing = pressing;
        self.at = now;
        self.count += 1;
        let quiet = now < self.quiet_until();
        if quiet && (!pressing || self.logged_pressing) {
            self.unlogged += 1;
            return (None, self.unlogged == 1);
        }
        // One after a minute without any is like the first.
        let more = match self.unlogged {
            0 => 0,
            unlogged => unlogged + 1,
        };
        self.note_line(now);
        (Some(self.line(more)), false)
    }

    /// The line about the failures since the last one, if there are any.
    pub(super) fn take_line(&mut self, now: Instant) -> Option<Line<K, V>> {
        let more = self.unlogged;
        (more > 0).then(|| {
            self.note_line(now);
            self.line(more)
        })
    }

    pub(super) fn due_at(&self) -> Option<Instant> {
        (self.unlogged > 0).then(|| self.quiet_until())
    }

    pub(super) fn is_quiet(&self, now: Instant) -> bool {
        self.unlogged == 0 && now >= self.quiet_until()
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }

    pub(super) fn recent(&self) -> Recent<K, V> {
        Recent {
            kind: self.kind.clone(),
            last: self.last.clone(),
            count: self.count,
            at: self.at,
        }
    }

    fn quiet_until(&self) -> Instant {
        self.logged + Reasons::<K, V>::QUIET
    }

    fn note_line(&mut self, now: Instant) {
        self.logged = now;
        self.logged_pressing = self.pressing;
        self.unlogged = 0;
    }

    fn line(&self, more: u64) -> Line<K, V> {
        Line {
            kind: self.kind.clone(),
            last: self.last.clone(),
            more,
            pressing: self.pressing,
        }
    }
}
