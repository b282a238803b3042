//! The progress of each connection's peer.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// The living connections, each with the progress of its peer.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: HashMap<u64, Progress>,
}

/// The acknowledgements of a connection's peer.
#[derive(Debug, Clone, Copy)]
struct Progress {
    /// How many messages have left on it.
    sent: u64,
    /// All messages before this one are acknowledged, or skipped.
    reached: u64,
    /// The time of the last acknowledgement.
    at: Instant,
    last: Last,
}

/// Where to look first for the next message that leaves on a connection or is acknowledged
/// there: both mostly come in the order of the messages.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Last {
    /// The place of the message that left last.
    pub(super) sent: usize,
    /// The place of the message behind the one that was acknowledged last.
    pub(super) behind_heard: usize,
}

/// The prospects of a message on the connection on which it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prospect {
    /// The connection has ended.
    None,
    /// Its peer acknowledges messages before this one: it is slow, and has time until this
    /// moment.
    Until(Instant),
    /// Its peer has acknowledged messages that left later.
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
            last: Last::default(),
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

    /// Notes that this many messages leave on a connection. Returns the place of the first.
    pub(super) fn sent(&mut self, connection: u64, count: u64) -> u64 {
        let Some(progress) = self.all.get_mut(&connection) else {
            return 0;
        };
        let first = progress.sent;
        progress.sent += count;
        first
    }

    /// Where to look first for messages of a connection.
    pub(super) fn last(&self, connection: u64) -> Last {
        let progress = self.all.get(&connection);
        progress.map(|it| it.last).unwrap_or_default()
    }

    pub(super) fn set_last(&mut self, connection: u64, last: Last) {
        if let Some(progress) = self.all.get_mut(&connection) {
            progress.last = last;
        }
    }

    /// Notes the acknowledgement of the message at this place.
    pub(super) fn reached(&mut self, connection: u64, place: u64, now: Instant) {
        if let Some(progress) = self.all.get_mut(&connection) {
            progress.reached = progress.reached.max(place + 1);
            progress.at = now;
        }
    }

    /// The prospects of the message at this place.
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
