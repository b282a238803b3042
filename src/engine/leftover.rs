//! What a socket that closes had not done.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aiomsg_core::hook::Holding;
use aiomsg_core::{Endpoint, Identity, Outbound};
use aiomsg_layers::at_least_once::Unacknowledged;

use super::peer::PeerInfo;

/// What a closed socket had not done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReport {
    /// Messages that were not sent: for each peer that they were addressed to,
    /// and for those that were not addressed, in the order in which they were
    /// accepted. Copies of published messages are not among them: events told
    /// of those.
    pub unsent: Vec<Outbound>,
    /// Under at-least-once, messages that were sent and not acknowledged, in
    /// the order in which they were accepted.
    pub unacknowledged: Vec<Outbound>,
    /// Peers that were sent messages without acknowledgements, and did not show
    /// that they had read them all.
    pub unconfirmed: Vec<Unconfirmed>,
}

/// What a peer may not have read when the connection to it ended. Messages that
/// have left are not kept, so there is their number only.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unconfirmed {
    /// Who it is.
    pub peer: Identity,
    /// Our endpoint: where it connected to, or where we did.
    pub endpoint: Endpoint,
    /// How many messages it may not have read, at most: those that were sent by
    /// this connection and wanted no acknowledgement. Those that it has not read
    /// are the last of them.
    pub messages: u64,
}

impl CloseReport {
    /// Whether everything was sent and read or, under at-least-once, acknowledged.
    pub fn is_clean(&self) -> bool {
        self.unsent.is_empty() && self.unacknowledged.is_empty() && self.unconfirmed.is_empty()
    }

    /// How many messages may not have been read, at most, by all peers together.
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

/// What is to be in the next report. It is kept here, so that a call of `close`
/// that is given up in the middle takes nothing with it.
#[derive(Debug, Default)]
pub(crate) struct Leftover(Mutex<Left>);

#[derive(Debug, Default)]
struct Left {
    unsent: Vec<Outbound>,
    unacknowledged: Vec<Unacknowledged>,
    unconfirmed: Vec<Unconfirmed>,
}

impl Left {
    /// Each message is in one list: one that has been sent is not among those that were
    /// not, though it waited to be sent again, and one that has not is among those alone.
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

    /// Adds what `unsent` finds. It is never out of here in between: of two who call
    /// `close` at the same time, the first that is done reports everything.
    pub(crate) fn add_unsent_of(&self, unsent: impl FnOnce() -> Vec<Outbound>) {
        // What is told of meanwhile is told when the lock is released.
        let _holding = Holding::new(self);
        let mut report = self.lock();
        report.unsent.extend(unsent());
    }

    pub(crate) fn take(&self) -> CloseReport {
        let left = std::mem::take(&mut *self.lock());
        left.report()
    }

    fn lock(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
