//! Reports to the unacknowledged messages: which left on this connection, and which its
//! peer has acknowledged.

use aiomsg_core::MessageId;

use crate::at_least_once::ConnectionAcks;

/// The most ids that are gathered before they are reported, if the connection never
/// pauses.
pub(super) const MOST_GATHERED: usize = 256;

/// Reports the rest when it is dropped. After that, this connection brings no
/// acknowledgements.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Acknowledgements of the peer that were not yet reported.
    heard: Vec<MessageId>,
    /// Requests that were given to the connection since the last flush.
    sent: Vec<MessageId>,
    unacked: Option<ConnectionAcks>,
}

impl Exchange {
    pub(super) fn new(unacked: Option<ConnectionAcks>) -> Self {
        Self {
            heard: Vec::new(),
            sent: Vec::new(),
            unacked,
        }
    }

    /// The peer has acknowledged a request.
    #[inline(always)]
    pub(super) fn hear(&mut self, id: MessageId) {
        self.heard.push(id);
        if self.heard.len() >= MOST_GATHERED {
            self.tell_heard();
        }
    }

    /// A request is about to be given to the connection.
    #[inline(always)]
    pub(super) fn send(&mut self, id: MessageId) {
        // The connection has the others, but not yet this one.
        if self.sent.len() >= MOST_GATHERED {
            self.tell_sent();
        }
        self.sent.push(id);
    }

    /// Reports the acknowledgements of the peer. First come the requests that were given
    /// to the connection, since these may be among the acknowledged ones.
    #[inline]
    pub(super) fn tell_heard(&mut self) {
        if !self.heard.is_empty() {
            self.tell();
        }
    }

    /// Reports the requests that were given to the connection.
    #[inline]
    pub(super) fn tell_sent(&mut self) {
        if !self.sent.is_empty() {
            let heard = std::mem::take(&mut self.heard);
            self.tell();
            self.heard = heard;
        }
    }

    #[inline(never)]
    fn tell(&mut self) {
        if let Some(unacked) = &self.unacked {
            unacked.exchanged(&self.sent, &self.heard);
        }
        self.sent.clear();
        self.heard.clear();
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.tell_heard();
        self.tell_sent();
    }
}
