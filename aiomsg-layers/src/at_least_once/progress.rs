//! How far each connection's peer has come.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// The connections that live, each with what its peer has acknowledged.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: HashMap<u64, Progress>,
}

/// What the peer of a connection has acknowledged.
#[derive(Debug, Clone, Copy)]
struct Progress {
    /// How many messages have left by it.
    sent: u64,
    /// Everything of them before this was acknowledged, or passed over.
    reached: u64,
    /// When it acknowledged something last.
    at: Instant,
}

/// What a message may expect of the connection that it has left by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prospect {
    /// The connection has ended.
    None,
    /// Its peer acknowledges others before this one: it is slow, and nothing is
    /// wrong before this moment.
    Until(Instant),
    /// Its peer has acknowledged others that left later.
    PassedOver,
    /// Its peer has acknowledged nothing for long.
    Stalled,
}

impl Connections {
    pub(super) fn add(&mut self, connection: u64, now: Instant) {
        let progress = Progress {
            sent: 0,
            reached: 0,
            at: now,
        };
        self.all.insert(connection, progress);
    }

    pub(super) fn remove(&mut self, connection: u64) {
        self.all.remove(&connection);
    }

    pub(super) fn has(&self, connection: u64) -> bool {
        self.all.contains_key(&connection)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// So many messages leave by a connection: the place that the first of them has
    /// there.
    pub(super) fn sent(&mut self, connection: u64, count: u64) -> u64 {
        let Some(progress) = self.all.get_mut(&connection) else {
            return 0;
        };
        let first = progress.sent;
        progress.sent += count;
        first
    }

    /// A message with this place was acknowledged.
    pub(super) fn reached(&mut self, connection: u64, place: u64, now: Instant) {
        if let Some(progress) = self.all.get_mut(&connection) {
            progress.reached = progress.reached.max(place + 1);
            progress.at = now;
        }
    }

    /// What a message with this place may expect.
    pub(super) fn prospect(
        &self,
        connection: u64,
        place: u64,
        timeout: Duration,
        now: Instant,
    ) -> Prospect {
        let Some(progress) = self.all.get(&connection) else {
            return Prospect::None;
        };
        let until = progress.at + timeout;
        if place < progress.reached {
            Prospect::PassedOver
        } else if until > now && progress.reached > 0 {
            Prospect::Until(until)
        } else {
            Prospect::Stalled
        }
    }
}
