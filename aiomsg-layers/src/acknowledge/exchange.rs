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
    /// None before the first: most connections never have any.
    gathered: Option<Box<Gathered>>,
    unacked: Option<ConnectionAcks>,
}

#[derive(Debug, Default)]
struct Gathered {
    /// Acknowledgements of the peer that were not yet reported.
    heard: Vec<MessageId>,
    /// Requests that were given to the connection since the last flush.
    sent: Vec<MessageId>,
}

impl Exchange {
    pub(super) fn new(unacked: Option<ConnectionAcks>) -> Self {
        Self {
            gathered: None,
            unacked,
        }
    }

    /// The peer has acknowledged a request.
    #[inline(always)]
    pub(super) fn hear(&mut self, id: MessageId) {
        let gathered = self.gathered.get_or_insert_default();
        gathered.heard.push(id);
        if gathered.heard.len() >= MOST_GATHERED {
            self.tell_heard();
        }
    }

    /// A request is about to be given to the connection.
    #[inline(always)]
    pub(super) fn send(&mut self, id: MessageId) {
        // The connection has the others, but not yet this one.
        if self.sent().len() >= MOST_GATHERED {
            self.tell_sent();
        }
        self.gathered.get_or_insert_default().sent.push(id);
    }

    /// Reports the acknowledgements of the peer. First come the requests that were given
    /// to the connection, since these may be among the acknowledged ones.
    #[inline]
    pub(super) fn tell_heard(&mut self) {
        if let Some(gathered) = &mut self.gathered
            && !gathered.heard.is_empty()
        {
            gathered.tell(self.unacked.as_ref());
        }
    }

    /// Reports the requests that were given to the connection.
    #[inline]
    pub(super) fn tell_sent(&mut self) {
        if let Some(gathered) = &mut self.gathered
            && !gathered.sent.is_empty()
        {
            let heard = std::mem::take(&mut gathered.heard);
            gathered.tell(self.unacked.as_ref());
            gathered.heard = heard;
        }
    }

    #[inline(always)]
    fn sent(&self) -> &[MessageId] {
        self.gathered.as_ref().map_or(&[], |it| &it.sent)
    }
}

impl Gathered {
    #[inline(never)]
    fn tell(&mut self, unacked: Option<&ConnectionAcks>) {
        if let Some(unacked) = unacked {
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
