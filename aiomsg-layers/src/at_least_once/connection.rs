use aiomsg_core::MessageId;

use super::Unacked;

/// One connection's view of the unacknowledged messages. When it is dropped, those that left on
/// this connection are sent again.
#[derive(Debug)]
pub struct ConnectionAcks {
    unacked: Unacked,
    number: u64,
}

impl ConnectionAcks {
    pub(super) fn new(unacked: Unacked, number: u64) -> Self {
        Self { unacked, number }
    }

    /// Notes that these messages have left on this connection.
    pub fn sent(&self, ids: &[MessageId]) {
        self.exchanged(ids, &[]);
    }

    /// Notes that the peer has acknowledged these messages. Unknown ids are ignored, and so are
    /// those of messages that have not left on this connection.
    pub fn acknowledged(&self, ids: &[MessageId]) {
        self.exchanged(&[], ids);
    }

    /// Both in one step. The messages that were sent before the acknowledgements came are noted
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
