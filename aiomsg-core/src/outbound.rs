//! A message on its way out.

mod rest;

use bytes::Bytes;

use crate::headers::{self, HeaderLimits, Headers};
use crate::{Delivery, Identity, IntoPayload, MessageId, Weight};
use rest::Rest;

/// A message on its way out: the request of every service on the send path.
///
/// ```
/// use aiomsg_core::{Identity, Outbound, Target};
///
/// let anyone = Outbound::new("job");
/// assert_eq!(anyone.target(), &Target::Any);
///
/// let peer = Identity::random();
/// let addressed = Outbound::new("reply").to(peer.clone());
/// assert_eq!(addressed.target(), &Target::Peer(peer));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(C)]
pub struct Outbound {
    payload: Bytes,
    rest: Rest,
}

static ANY: Target = Target::Any;

/// Who gets a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Target {
    /// Any peer that the policy picks.
    #[default]
    Any,
    /// One peer. This wins over the policy.
    Peer(Identity),
    /// A copy of a published message, for the peer in whose queue it is. It goes to
    /// no other peer, since each has a copy of its own.
    Copy,
    /// This connection only: a connection layer sends it to the same layer at the
    /// other end. If it never leaves, nothing is reported as lost.
    Connection,
}

impl Outbound {
    /// A message for any peer that the policy picks.
    #[inline]
    pub fn new(payload: impl IntoPayload) -> Self {
        Self {
            payload: payload.into_payload(),
            rest: Rest::Target(Target::Any),
        }
    }

    /// Addresses the message to one peer.
    #[must_use]
    #[inline]
    pub fn to(self, peer: Identity) -> Self {
        self.with_target(Target::Peer(peer))
    }

    /// Sets who gets the message.
    #[must_use]
    #[inline]
    pub fn with_target(mut self, target: Target) -> Self {
        match &mut self.rest {
            Rest::Target(old) => *old = target,
            rest => rest.change(|both| both.target = target),
        }
        self
    }

    /// Asks for an acknowledgement under this id.
    ///
    /// At-least-once gives a message an id by itself. It keeps the one that a message has, such
    /// as a message of a durable queue that is sent once more after a restart, unless another
    /// unacknowledged message has the same.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.set_id(Some(id));
        self
    }

    /// Asks for an acknowledgement under this id, or for none.
    #[inline]
    pub fn set_id(&mut self, id: Option<MessageId>) {
        match (&mut self.rest, id) {
            (Rest::Target(_), None) => {}
            (rest @ (Rest::Target(Target::Any) | Rest::Id(_)), Some(id)) => *rest = Rest::Id(id),
            (Rest::Acked(old), Some(id)) => *old = id,
            (rest, id) => rest.change(|both| both.id = id),
        }
    }

    /// Makes `send` wait for the peer's acknowledgement, and not only until the
    /// message is accepted. For sockets that send at-least-once.
    #[must_use]
    pub fn until_acked(mut self) -> Self {
        match &mut self.rest {
            Rest::Id(id) => self.rest = Rest::Acked(*id),
            rest => rest.change(|both| both.until_acked = true),
        }
        self
    }

    /// Sets how many connections have ended in the middle of this message.
    #[must_use]
    pub fn with_interrupted(mut self, connections: u8) -> Self {
        self.rest.change(|both| both.interrupted = connections);
        self
    }

    /// How many connections have ended in the middle of this message, one after the
    /// other. The message may be the reason. So a session sends it by itself, and it
    /// is dropped after the third connection.
    #[inline]
    pub fn interrupted(&self) -> u8 {
        match &self.rest {
            Rest::Both(both) => both.interrupted,
            _ => 0,
        }
    }

    /// Adds a header. It replaces the one of the same name.
    ///
    /// A header that cannot be sent does not change the message: a socket refuses to send it,
    /// with the reason, also where a layer of its send path has added the header.
    /// [`Headers::insert`] says it at once.
    ///
    /// ```
    /// use aiomsg_core::Outbound;
    ///
    /// let message = Outbound::new("job").header("priority", "high");
    /// assert_eq!(message.headers().get("priority"), Some("high"));
    /// ```
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.rest.change(|both| {
            if let Err(reason) = both.headers.try_insert(name, value) {
                both.bad_header.get_or_insert_with(|| reason.into());
            }
        });
        self
    }

    /// Sets all headers.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.set_headers(headers);
        self
    }

    /// Sets all headers, where the message is.
    #[inline]
    pub fn set_headers(&mut self, headers: Headers) {
        if !headers.is_empty() || matches!(self.rest, Rest::Both(_)) {
            self.rest.change(|both| both.headers = headers);
        }
    }

    /// The headers.
    #[inline]
    pub fn headers(&self) -> &Headers {
        match &self.rest {
            Rest::Both(both) => &both.headers,
            _ => &headers::NONE,
        }
    }

    /// Says why the headers cannot be sent: one of them is none, or they are more than the
    /// limits admit.
    #[inline]
    pub fn bad_headers(&self, limits: HeaderLimits) -> Option<String> {
        match &self.rest {
            Rest::Both(both) => both.bad_headers(limits),
            _ => None,
        }
    }

    /// Replaces the payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl IntoPayload) -> Self {
        self.payload = payload.into_payload();
        self
    }

    /// Whether it has neither an id nor headers, as most messages.
    #[inline]
    pub fn is_plain(&self) -> bool {
        match &self.rest {
            Rest::Target(_) => true,
            Rest::Id(_) | Rest::Acked(_) => false,
            Rest::Both(both) => both.id.is_none() && both.headers.is_empty(),
        }
    }

    /// Whether the payload is all that there is to the message.
    #[doc(hidden)]
    #[inline]
    pub fn is_bare(&self) -> bool {
        matches!(self.rest, Rest::Target(Target::Any))
    }

    /// The payload.
    #[inline]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Who gets the message.
    #[inline]
    pub fn target(&self) -> &Target {
        match &self.rest {
            Rest::Target(target) => target,
            Rest::Id(_) | Rest::Acked(_) => &ANY,
            Rest::Both(both) => &both.target,
        }
    }

    /// The peer to which the message is addressed, if it is addressed.
    #[inline]
    pub fn peer(&self) -> Option<&Identity> {
        match self.target() {
            Target::Peer(identity) => Some(identity),
            _ => None,
        }
    }

    /// The id for the acknowledgement, if the message asks for one.
    #[inline]
    pub fn id(&self) -> Option<MessageId> {
        match &self.rest {
            Rest::Target(_) => None,
            Rest::Id(id) | Rest::Acked(id) => Some(*id),
            Rest::Both(both) => both.id,
        }
    }

    /// Whether `send` waits for the acknowledgement.
    #[inline]
    pub fn is_until_acked(&self) -> bool {
        match &self.rest {
            Rest::Target(_) | Rest::Id(_) => false,
            Rest::Acked(_) => true,
            Rest::Both(both) => both.until_acked,
        }
    }

    /// Takes the payload out.
    #[inline]
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// Takes the message apart, without its headers.
    #[inline]
    pub fn into_parts(self) -> (Bytes, Target, Option<MessageId>) {
        match self.rest {
            Rest::Target(target) => (self.payload, target, None),
            Rest::Id(id) | Rest::Acked(id) => (self.payload, Target::Any, Some(id)),
            Rest::Both(both) => (self.payload, both.target, both.id),
        }
    }
}

impl<T: IntoPayload> From<T> for Outbound {
    fn from(payload: T) -> Self {
        Self::new(payload)
    }
}

/// Forwards a message that arrived, to any peer: its payload and its headers. Its id is not
/// kept, since the sender's acknowledgement does not come from here.
///
/// ```
/// use aiomsg_core::{Delivery, Headers, Identity, Outbound};
///
/// let mut headers = Headers::new();
/// headers.insert("priority", "high")?;
/// let arrived = Delivery::new(Identity::random(), "job").with_headers(headers);
/// let forwarded = Outbound::from(arrived);
/// assert_eq!(forwarded.payload(), "job");
/// assert_eq!(forwarded.headers().get("priority"), Some("high"));
/// # Ok::<(), aiomsg_core::Error>(())
/// ```
impl From<Delivery> for Outbound {
    #[inline]
    fn from(message: Delivery) -> Self {
        let headers = message.headers().clone();
        Self::new(message.into_payload()).with_headers(headers)
    }
}

/// The length of the payload and of the headers: what the bounds of queues count.
impl Weight for Outbound {
    #[inline]
    fn weight(&self) -> usize {
        self.payload.len() + self.headers().as_bytes().len()
    }
}

#[cfg(test)]
mod tests;
