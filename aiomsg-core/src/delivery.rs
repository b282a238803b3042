//! A message that arrived.

use bytes::Bytes;

use crate::queue::Weight;
use crate::{Identity, MessageId};

/// A message that arrived: the request of every service on the receive path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    payload: Bytes,
    from: Identity,
    id: Option<MessageId>,
}

impl Delivery {
    /// A message with this payload from this peer.
    pub fn new(from: Identity, payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            from,
            id: None,
        }
    }

    /// Notes the id under which the sender wants it acknowledged.
    #[must_use]
    #[inline]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.id = Some(id);
        self
    }

    /// Replaces the payload, and keeps whom it is from and its id: for layers
    /// that change what they pass on.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// What was sent.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Who sent it.
    pub fn from(&self) -> &Identity {
        &self.from
    }

    /// The sender's id for it, if the sender wants it acknowledged.
    pub fn id(&self) -> Option<MessageId> {
        self.id
    }

    /// Takes the payload out.
    #[inline]
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// Takes the message apart.
    #[inline]
    pub fn into_parts(self) -> (Identity, Bytes, Option<MessageId>) {
        (self.from, self.payload, self.id)
    }
}

/// The payload's length: what the bounds of queues count.
impl Weight for Delivery {
    #[inline]
    fn weight(&self) -> usize {
        self.payload.len()
    }
}
