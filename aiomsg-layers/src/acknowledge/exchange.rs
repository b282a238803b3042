//! What left by a connection and what its peer has acknowledged, for the messages that
//! wait for that.

use aiomsg_core::MessageId;

use crate::at_least_once::ConnectionAcks;

/// The most ids that are gathered before they are reported, if the connection never
/// pauses.
pub(super) const MOST_GATHERED: usize = 256;

/// Reports what is left when it is dropped: what left by this connection will not be
/// acknowledged by it any more.
#[derive(Debug)]
pub(super) struct Exchange {
    /// What the peer acknowledged and was not yet reported.
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
        // This one is not yet with the connection, the others are.
        if self.sent.len() >= MOST_GATHERED {
            self.tell_sent();
        }
        self.sent.push(id);
    }

    /// Reports what the peer has acknowledged, and before that what was given to the
    /// connection: it may be among it.
    #[inline]
    pub(super) fn tell_heard(&mut self) {
        if !self.heard.is_empty() {
            self.tell();
        }
    }

    /// Reports what was given to the connection.
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
