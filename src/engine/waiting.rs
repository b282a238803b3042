//! Messages that a socket still has.

use super::Engine;

/// The report of a drain: how many messages still wait.
///
/// They stay in the socket, which goes on sending them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Unsent messages: those that wait for a peer, and those in the queues of connected
    /// peers. Of a published message, each copy counts.
    pub unsent: usize,
    /// Sent and unacknowledged messages, under at-least-once.
    pub unacknowledged: usize,
}

impl DrainReport {
    /// Returns whether every message was sent and, under at-least-once, acknowledged.
    pub fn is_clean(&self) -> bool {
        self.messages() == 0
    }

    /// Returns how many messages wait, sent or not.
    pub fn messages(&self) -> usize {
        self.unsent + self.unacknowledged
    }
}

impl Engine {
    /// Whether a message waits for a peer, connected or not, or for an acknowledgement.
    pub(crate) fn anything_waits(&self) -> bool {
        let unacked = self.unacked.as_ref();
        // The stack last, too: messages of a connection that ends go back there.
        self.send.waiting() > 0
            || !self.peers.have_sent_all()
            || unacked.is_some_and(|unacked| !unacked.is_empty())
            || self.send.waiting() > 0
    }

    /// Counts the messages that wait, and those that the next report of a close would hold.
    pub(crate) fn waiting(&self) -> DrainReport {
        let (unsent, unacknowledged) = self.leftover.messages();
        match &self.unacked {
            None => DrainReport {
                unsent: unsent + self.send.waiting() + self.peers.unsent(),
                unacknowledged,
            },
            // It has a copy of each. One that is sent again is in a queue, too.
            Some(unacked) => {
                let awaiting = unacked.awaiting();
                DrainReport {
                    unsent: unsent + unacked.len().saturating_sub(awaiting),
                    unacknowledged: unacknowledged + awaiting,
                }
            }
        }
    }
}
