//! A message that arrived.

use std::time::Instant;

use bytes::Bytes;

use crate::headers::{self, Headers};
use crate::{Acker, Certificate, Identity, MessageId, Weight};

/// A message that arrived: the request of every service on the receive path.
///
/// Two of them are equal if all but their [acknowledging](Delivery::ack) and their
/// [deadline](Delivery::deadline) is.
#[derive(Debug, Clone)]
pub struct Delivery {
    payload: Bytes,
    from: Identity,
    notes: Notes,
}

/// What few messages have, in the room of an id alone: messages are moved often.
#[derive(Debug, Clone)]
enum Notes {
    None,
    Id(MessageId),
    Certificate(Certificate),
    Several(Box<Several>),
}

#[derive(Debug, Clone, Default)]
struct Several {
    id: Option<MessageId>,
    certificate: Option<Certificate>,
    acker: Option<Acker>,
    headers: Headers,
    deadline: Option<Instant>,
}

const _: () = assert!(size_of::<Notes>() <= 24);

impl Notes {
    /// Sets one of several. Apart, so that what sets the only one is inlined.
    #[inline(never)]
    fn set(&mut self, set: impl FnOnce(&mut Several)) {
        let mut several = match std::mem::replace(self, Self::None) {
            Self::Several(several) => several,
            Self::None => Box::default(),
            Self::Id(id) => Box::new(Several {
                id: Some(id),
                ..Several::default()
            }),
            Self::Certificate(certificate) => Box::new(Several {
                certificate: Some(certificate),
                ..Several::default()
            }),
        };
        set(&mut several);
        *self = Self::Several(several);
    }
}

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
        match self.notes {
            Notes::None | Notes::Id(_) => self.notes = Notes::Id(id),
            _ => self.notes.set(|it| it.id = Some(id)),
        }
        self
    }

    /// Notes the certificate of the sender. A message that also has an id gets an
    /// allocation for both.
    #[must_use]
    pub fn with_certificate(mut self, certificate: Certificate) -> Self {
        self.set_certificate(certificate);
        self
    }

    /// [`with_certificate`](Delivery::with_certificate), where the message is.
    pub fn set_certificate(&mut self, certificate: Certificate) {
        match self.notes {
            Notes::None | Notes::Certificate(_) => self.notes = Notes::Certificate(certificate),
            _ => self.notes.set(|it| it.certificate = Some(certificate)),
        }
    }

    /// Sets the headers.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        if !headers.is_empty() || matches!(self.notes, Notes::Several(_)) {
            self.notes.set(|it| it.headers = headers);
        }
        self
    }

    /// The headers. There are none from a peer of the 2019 dialect.
    pub fn headers(&self) -> &Headers {
        match &self.notes {
            Notes::Several(several) => &several.headers,
            _ => &headers::NONE,
        }
    }

    /// Notes when its sender stops waiting for an answer. A session does so for a message
    /// whose headers say how long that is.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.notes.set(|it| it.deadline = Some(deadline));
        self
    }

    /// When its sender stops waiting for an answer, if it says so. The time counts from the
    /// arrival of the message, so the sender stops a little earlier.
    ///
    /// [`tokio::time::Instant::from_std`](https://docs.rs/tokio/latest/tokio/time/struct.Instant.html)
    /// makes a time of it to sleep until.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.notes {
            Notes::Several(several) => several.deadline,
            _ => None,
        }
    }

    /// Sets what [`ack`](Delivery::ack) acknowledges the message by.
    pub fn set_acker(&mut self, acker: Acker) {
        self.notes.set(|it| it.acker = Some(acker));
    }

    /// Acknowledges the message to its sender, which then does not send it again.
    ///
    /// It is for messages that a socket with `AckMode::Handled` has returned. One that
    /// is dropped without it is unacknowledged: its sender sends it again.
    ///
    /// Returns `false` if nothing was acknowledged: the sender asks for no
    /// acknowledgement, or it is not connected now and will send the message again, or
    /// somebody else acknowledges it, as a socket does by default and while it serves.
    pub fn ack(&self) -> bool {
        match &self.notes {
            Notes::Several(several) => several.acker.as_ref().is_some_and(|it| it.ack(self)),
            _ => false,
        }
    }

    /// Replaces the payload, and keeps sender, id and headers: for layers that change
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
            Notes::Several(several) => several.id,
        }
    }

    /// The certificate of the peer that sent it: `None` on a connection without TLS, and
    /// where the peer presented none.
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.notes {
            Notes::None | Notes::Id(_) => None,
            Notes::Certificate(certificate) => Some(certificate),
            Notes::Several(several) => several.certificate.as_ref(),
        }
    }

    /// Takes the payload out.
    #[inline]
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// Takes the message apart, without its headers.
    #[inline]
    pub fn into_parts(self) -> (Identity, Bytes, Option<MessageId>) {
        let id = self.id();
        (self.from, self.payload, id)
    }
}

impl PartialEq for Delivery {
    fn eq(&self, other: &Self) -> bool {
        self.payload == other.payload
            && self.from == other.from
            && self.id() == other.id()
            && self.certificate() == other.certificate()
            && self.headers() == other.headers()
    }
}

impl Eq for Delivery {}

/// The length of the payload and of the headers: what the bounds of queues count.
impl Weight for Delivery {
    #[inline]
    fn weight(&self) -> usize {
        self.payload.len() + self.headers().as_bytes().len()
    }
}

#[cfg(test)]
mod tests;
