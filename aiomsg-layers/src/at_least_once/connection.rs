use aiomsg_core::MessageId;

use super::Unacked;

/// One connection's view of the messages that wait for acknowledgements. When
/// it is dropped, what left by this connection is sent again.
#[derive(Debug)]
pub struct ConnectionAcks {
    unacked: Unacked,
    number: u64,
}

impl ConnectionAcks {
    pub(super) fn new(unacked: Unacked, number: u64) -> Self {
        Self { unacked, number }
    }

    /// These messages have left by this connection.
    pub fn sent(&self, ids: &[MessageId]) {
        self.exchanged(ids, &[]);
    }

    /// The peer has acknowledged these messages. Ids that nobody waits for are
    /// passed over, and so are those of messages that have not left by this
    /// connection.
    pub fn acknowledged(&self, ids: &[MessageId]) {
        self.exchanged(&[], ids);
    }

    /// Both in one step: what was sent before the acknowledgements came is told
    /// first.
    pub fn exchanged(&self, sent: &[MessageId], heard: &[MessageId]) {
        self.unacked.exchanged(sent, heard, self.number);
    }
}

impl Drop for ConnectionAcks {
    fn drop(&mut self) {
        self.unacked.connection_ended(self.number);
    }
}
