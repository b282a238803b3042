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
        self.unacked.left(ids, self.number);
    }

    /// The peer has acknowledged these messages. Ids that nobody waits for are
    /// passed over.
    pub fn acknowledged(&self, ids: &[MessageId]) {
        self.unacked.acknowledged(ids);
    }
}

impl Drop for ConnectionAcks {
    fn drop(&mut self) {
        self.unacked.connection_ended(self.number);
    }
}
