//! The report of a close.

use std::collections::HashSet;

use aiomsg_core::hook::Holding;
use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Endpoint, Identity, Outbound};
use aiomsg_layers::at_least_once::Unacknowledged;

use super::peer::PeerInfo;

/// The report of a close: unsent, unacknowledged and perhaps unread messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// Unsent messages, in the order of acceptance for each peer that they were
    /// addressed to, and for those without one. Copies of published messages are not
    /// among them: events have reported those.
    pub unsent: Vec<Outbound>,
    /// Sent and unacknowledged messages, under at-least-once, in the order of
    /// acceptance.
    pub unacknowledged: Vec<Outbound>,
    /// Peers that got messages without acknowledgements, and have not shown that they
    /// have read them all.
    pub unconfirmed: Vec<Unconfirmed>,
}

/// Messages that a peer may not have read when its connection ended. The socket does not
/// keep sent messages, so it knows only their number.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unconfirmed {
    /// The identity of the peer.
    pub peer: Identity,
    /// The endpoint that we listen at, or that we dialled.
    pub endpoint: Endpoint,
    /// The most messages that the peer may not have read: those sent on this connection
    /// that asked for no acknowledgement. The unread ones are the last of them.
    pub messages: u64,
}

impl CloseReport {
    /// Returns whether every message was sent and read or, under at-least-once,
    /// acknowledged.
    pub fn is_clean(&self) -> bool {
        self.unsent.is_empty() && self.unacknowledged.is_empty() && self.unconfirmed.is_empty()
    }

    /// Returns the most messages that may not have been read, by all peers together.
    pub fn unconfirmed_messages(&self) -> u64 {
        self.unconfirmed.iter().map(|it| it.messages).sum()
    }
}

impl Unconfirmed {
    pub(crate) fn new(peer: &PeerInfo, messages: u64) -> Self {
        Self {
            peer: peer.identity.clone(),
            endpoint: peer.endpoint.clone(),
            messages,
        }
    }
}

/// The contents of the next report. They are kept here, so that a `close` dropped in the
/// middle loses nothing.
#[derive(Debug, Default)]
pub(crate) struct Leftover {
    left: Mutex<Left>,
    /// How many unsent and unacknowledged messages earlier reports held.
    reported: Mutex<(usize, usize)>,
}

#[derive(Debug, Default, Clone)]
struct Left {
    unsent: Vec<Outbound>,
    unacknowledged: Vec<Unacknowledged>,
    unconfirmed: Vec<Unconfirmed>,
}

impl Left {
    /// Each message is in one list: a sent one that waited for its resend is not among the
    /// unsent ones, and an unsent one is among those alone.
    fn report(self) -> CloseReport {
        let Self {
            mut unsent,
            mut unacknowledged,
            unconfirmed,
        } = self;
        let ids = |it: &Unacknowledged| it.message.id().filter(|_| it.sent);
        let sent: HashSet<_> = unacknowledged.iter().filter_map(ids).collect();
        unsent.retain(|it| it.id().is_none_or(|id| !sent.contains(&id)));
        let never_left: HashSet<_> = unsent.iter().filter_map(Outbound::id).collect();
        unacknowledged.retain(|it| it.message.id().is_none_or(|id| !never_left.contains(&id)));
        CloseReport {
            unsent,
            unacknowledged: unacknowledged.into_iter().map(|it| it.message).collect(),
            unconfirmed,
        }
    }
}

impl Leftover {
    pub(crate) fn add_unconfirmed(&self, unconfirmed: Unconfirmed) {
        self.lock().unconfirmed.push(unconfirmed);
    }

    pub(crate) fn add_unacknowledged(&self, messages: Vec<Unacknowledged>) {
        self.lock().unacknowledged.extend(messages);
    }

    pub(crate) fn add_unsent(&self, messages: Vec<Outbound>) {
        self.lock().unsent.extend(messages);
    }

    /// Adds the messages that `unsent` finds, under the lock: of two calls of `close` at
    /// the same time, the first to return reports everything.
    pub(crate) fn add_unsent_of(&self, unsent: impl FnOnce() -> Vec<Outbound>) {
        // Reports of the meantime follow when the lock is released.
        let _holding = Holding::new(self);
        let mut report = self.lock();
        report.unsent.extend(unsent());
    }

    /// How many unsent and unacknowledged messages the next report holds.
    pub(crate) fn messages(&self) -> (usize, usize) {
        // A message may be in both lists until then.
        let report = self.lock().clone().report();
        (report.unsent.len(), report.unacknowledged.len())
    }

    pub(crate) fn take(&self) -> CloseReport {
        let left = std::mem::take(&mut *self.lock());
        let report = left.report();
        let mut reported = self.reported.lock();
        reported.0 += report.unsent.len();
        reported.1 += report.unacknowledged.len();
        drop(reported);
        report
    }

    /// How many unsent and unacknowledged messages the reports so far have held.
    pub(crate) fn reported(&self) -> (usize, usize) {
        *self.reported.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.left.lock()
    }
}
