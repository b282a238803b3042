//! What a socket that closes had not done.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aiomsg_core::{Endpoint, Identity, Outbound};

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
pub(crate) struct Leftover(Mutex<CloseReport>);

impl Leftover {
    pub(crate) fn add_unconfirmed(&self, unconfirmed: Unconfirmed) {
        self.lock().unconfirmed.push(unconfirmed);
    }

    pub(crate) fn add_unacknowledged(&self, messages: Vec<Outbound>) {
        self.lock().unacknowledged.extend(messages);
    }

    pub(crate) fn add_unsent(&self, messages: Vec<Outbound>) {
        self.lock().unsent.extend(messages);
    }

    pub(crate) fn take(&self) -> CloseReport {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, CloseReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
