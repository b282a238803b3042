//! What a connection carries.

use bytes::Bytes;

use crate::{MessageId, Outbound, Target};

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
    /// The acknowledgement of a [`Frame::Request`].
    Ack {
        /// The id of the request.
        id: MessageId,
    },
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

    /// The message in the frame, `None` for a heartbeat or an
    /// acknowledgement.
    #[inline]
    pub fn payload(&self) -> Option<&Bytes> {
        match self {
            Self::Data { payload, .. } | Self::Request { payload, .. } => Some(payload),
            Self::Heartbeat | Self::Ack { .. } => None,
        }
    }
}

/// A message with an id travels as a request, one without as plain data.
impl From<Outbound> for Frame {
    #[inline]
    fn from(message: Outbound) -> Self {
        let (payload, target, id) = message.into_parts();
        match id {
            Some(id) => Self::Request { id, payload },
            None => Self::Data { payload, target },
        }
    }
}
