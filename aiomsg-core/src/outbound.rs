//! A message on its way out.

use bytes::Bytes;

use crate::queue::Weight;
use crate::{Identity, MessageId};

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
pub struct Outbound {
    payload: Bytes,
    target: Target,
    id: Option<MessageId>,
    until_acked: bool,
}

/// For whom a message is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Target {
    /// Whomever the router's policy picks.
    #[default]
    Any,
    /// One peer. This wins over the policy.
    Peer(Identity),
    /// One of the copies that a publish made, for the peer in whose queue it
    /// is. It goes to no other peer, since that one has a copy of its own.
    Copy,
    /// This connection, and nothing beyond it: what a layer of the connection
    /// says to its counterpart. If it never leaves, nothing is lost.
    Connection,
}

impl Outbound {
    /// A message for whomever the router's policy picks.
    #[inline]
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: payload.into(),
            target: Target::Any,
            id: None,
            until_acked: false,
        }
    }

    /// Addresses the message to one peer.
    #[must_use]
    #[inline]
    pub fn to(mut self, peer: Identity) -> Self {
        self.target = Target::Peer(peer);
        self
    }

    /// Sets whom the message is for.
    #[must_use]
    #[inline]
    pub fn with_target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Asks for an acknowledgement under this id.
    #[must_use]
    pub fn with_id(mut self, id: MessageId) -> Self {
        self.id = Some(id);
        self
    }

    /// Asks for an acknowledgement under this id, or for none.
    #[inline]
    pub fn set_id(&mut self, id: Option<MessageId>) {
        self.id = id;
    }

    /// Has whoever sends it wait until its peer has acknowledged it, and not
    /// only until it is accepted. For sockets that send at-least-once.
    #[must_use]
    pub fn until_acked(mut self) -> Self {
        self.until_acked = true;
        self
    }

    /// Replaces the payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// What is sent.
    #[inline]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// For whom the message is.
    #[inline]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The peer that the message is addressed to, if it is addressed.
    #[inline]
    pub fn peer(&self) -> Option<&Identity> {
        match &self.target {
            Target::Peer(identity) => Some(identity),
            _ => None,
        }
    }

    /// The id under which the message is to be acknowledged, if it is.
    pub fn id(&self) -> Option<MessageId> {
        self.id
    }

    /// Whether whoever sends it waits until it is acknowledged.
    #[inline]
    pub fn is_until_acked(&self) -> bool {
        self.until_acked
    }

    /// Takes the payload out.
    #[inline]
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// Takes the message apart.
    #[inline]
    pub fn into_parts(self) -> (Bytes, Target, Option<MessageId>) {
        (self.payload, self.target, self.id)
    }
}

impl<T: Into<Bytes>> From<T> for Outbound {
    fn from(payload: T) -> Self {
        Self::new(payload)
    }
}

/// The payload's length: what the bounds of queues count.
impl Weight for Outbound {
    #[inline]
    fn weight(&self) -> usize {
        self.payload.len()
    }
}
