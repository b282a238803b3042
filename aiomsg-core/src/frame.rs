//! What a connection carries.

use bytes::Bytes;

use crate::{Headers, MessageId, Outbound, Target};

/// One frame after the handshake, the same for both dialects.
///
/// The codecs turn each frame into the bytes of their dialect and back, so a
/// layer on a connection need not know which one the peer speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Frame {
    /// "I am here": sent after some seconds of silence.
    Heartbeat,
    /// A message that asks for no acknowledgement.
    Data {
        /// The message.
        payload: Bytes,
        /// Who gets it, so that a frame that never left can be sent elsewhere. It
        /// does not travel: on a frame that arrived it is [`Target::Any`].
        target: Target,
    },
    /// A message that asks for an acknowledgement.
    Request {
        /// The id of the message, in its acknowledgement and in each resend.
        id: MessageId,
        /// The message.
        payload: Bytes,
    },
    /// A message with headers.
    WithHeaders(Box<MessageWithHeaders>),
    /// The acknowledgement of a message with an id.
    Ack {
        /// The id of the message.
        id: MessageId,
    },
}

/// A message with headers, in a [`Frame`]. [`Frame::message`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageWithHeaders {
    /// The id, if the message asks for an acknowledgement.
    pub id: Option<MessageId>,
    /// Who gets it, as in [`Frame::Data`].
    pub target: Target,
    /// The headers.
    pub headers: Headers,
    /// The message.
    pub payload: Bytes,
}

impl Frame {
    /// A message that asks for no acknowledgement.
    pub fn data(payload: impl Into<Bytes>) -> Self {
        Self::Data {
            payload: payload.into(),
            target: Target::Any,
        }
    }

    /// A message that asks for an acknowledgement.
    pub fn request(id: MessageId, payload: impl Into<Bytes>) -> Self {
        Self::Request {
            id,
            payload: payload.into(),
        }
    }

    /// An acknowledgement.
    pub fn ack(id: MessageId) -> Self {
        Self::Ack { id }
    }

    /// The frame of a message. Without headers it is [`Frame::Data`] or [`Frame::Request`].
    pub fn message(
        id: Option<MessageId>,
        target: Target,
        headers: Headers,
        payload: Bytes,
    ) -> Self {
        match id {
            _ if !headers.is_empty() => Self::WithHeaders(Box::new(MessageWithHeaders {
                id,
                target,
                headers,
                payload,
            })),
            Some(id) => Self::Request { id, payload },
            None => Self::Data { payload, target },
        }
    }

    /// The id of a message that asks for an acknowledgement.
    #[inline]
    pub fn request_id(&self) -> Option<MessageId> {
        match self {
            Self::Request { id, .. } => Some(*id),
            Self::WithHeaders(message) => message.id,
            _ => None,
        }
    }

    /// The message in the frame, `None` for a heartbeat or an
    /// acknowledgement.
    #[inline]
    pub fn payload(&self) -> Option<&Bytes> {
        match self {
            Self::Data { payload, .. } | Self::Request { payload, .. } => Some(payload),
            Self::WithHeaders(message) => Some(&message.payload),
            Self::Heartbeat | Self::Ack { .. } => None,
        }
    }
}

/// A message with an id travels as a request, one without as plain data.
impl From<Outbound> for Frame {
    #[inline]
    fn from(message: Outbound) -> Self {
        if !message.headers().is_empty() {
            return with_headers(message);
        }
        let (payload, target, id) = message.into_parts();
        match id {
            Some(id) => Self::Request { id, payload },
            None => Self::Data { payload, target },
        }
    }
}

#[cold]
fn with_headers(message: Outbound) -> Frame {
    let headers = message.headers().clone();
    let (payload, target, id) = message.into_parts();
    Frame::message(id, target, headers, payload)
}
