//! A message that arrived.

use bytes::Bytes;

use crate::{Certificate, Identity, MessageId, Weight};

/// A message that arrived: the request of every service on the receive path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    payload: Bytes,
    from: Identity,
    notes: Notes,
}

/// Id and certificate, which few messages have, in the room of an id alone: messages
/// are moved often.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Notes {
    None,
    Id(MessageId),
    Certificate(Certificate),
    Both(Box<(MessageId, Certificate)>),
}

const _: () = assert!(size_of::<Notes>() <= 24);

impl Delivery {
    /// A message with this payload from this peer.
    pub fn new(from: Identity, payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            from,
            notes: Notes::None,
        }
    }

    /// Notes the id under which the sender wants it acknowledged.
    #[must_use]
    #[inline]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.notes = match self.notes {
            Notes::None | Notes::Id(_) => Notes::Id(id),
            Notes::Certificate(certificate) => Notes::Both(Box::new((id, certificate))),
            Notes::Both(mut both) => {
                both.0 = id;
                Notes::Both(both)
            }
        };
        self
    }

    /// Notes the certificate of the sender. A message that also has an id gets an
    /// allocation for both.
    #[must_use]
    pub fn with_certificate(mut self, certificate: Certificate) -> Self {
        self.notes = match self.notes {
            Notes::None | Notes::Certificate(_) => Notes::Certificate(certificate),
            Notes::Id(id) => Notes::Both(Box::new((id, certificate))),
            Notes::Both(mut both) => {
                both.1 = certificate;
                Notes::Both(both)
            }
        };
        self
    }

    /// Replaces the payload, and keeps sender and id: for layers that change
    /// payloads.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The identity of the sender.
    pub fn from(&self) -> &Identity {
        &self.from
    }

    /// The sender's id for it, if the sender wants it acknowledged.
    #[inline]
    pub fn id(&self) -> Option<MessageId> {
        match &self.notes {
            Notes::None | Notes::Certificate(_) => None,
            Notes::Id(id) => Some(*id),
            Notes::Both(both) => Some(both.0),
        }
    }

    /// The certificate of the peer that sent it, as layers of the receive path
    /// see it: `None` on a connection without TLS, and where the peer presented
    /// none.
    ///
    /// A socket notes it for its layers only. Without any, it would cost each
    /// message of a TLS connection something, and the set of peers knows it as
    /// well.
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.notes {
            Notes::None | Notes::Id(_) => None,
            Notes::Certificate(certificate) => Some(certificate),
            Notes::Both(both) => Some(&both.1),
        }
    }

    /// Takes the payload out.
    #[inline]
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// Takes the message apart.
    #[inline]
    pub fn into_parts(self) -> (Identity, Bytes, Option<MessageId>) {
        let id = self.id();
        (self.from, self.payload, id)
    }
}

/// The payload's length: what the bounds of queues count.
impl Weight for Delivery {
    #[inline]
    fn weight(&self) -> usize {
        self.payload.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_and_a_certificate_keep_each_other() {
        let certificate = Certificate::new("der", [1; 32].into());
        let id = MessageId::from_bytes([2; 16]);
        let plain = || Delivery::new(Identity::from([3; 16]), "job");
        let one = plain().with_id(id).with_certificate(certificate.clone());
        let other = plain().with_certificate(certificate.clone()).with_id(id);
        assert_eq!(one, other);
        assert_eq!(one.id(), Some(id));
        assert_eq!(one.certificate(), Some(&certificate));

        let newer = MessageId::from_bytes([4; 16]);
        let again = one.with_id(newer).with_payload("another");
        assert_eq!(again.id(), Some(newer));
        assert_eq!(again.certificate(), Some(&certificate));
        assert_eq!(plain().certificate(), None);
        assert_eq!(plain().with_id(id).certificate(), None);
    }

    #[test]
    fn a_message_is_no_larger_for_what_few_have() {
        let parts = size_of::<Bytes>() + size_of::<Identity>() + 24;
        assert_eq!(size_of::<Delivery>(), parts);
    }
}
