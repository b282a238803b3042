//! The id of a request and of its answer: it comes first, and a zero byte ends it.

use aiomsg_core::{Delivery, Error, ErrorKind};
use bytes::{BufMut, Bytes, BytesMut};

/// The zero byte that ends an id is among this many first bytes of a message. Otherwise
/// the message has no id.
pub(super) const REACH: usize = 64;

/// The position of the zero byte that ends the id.
pub(super) fn end_of_id(message: &[u8]) -> Option<usize> {
    message.iter().take(REACH).position(|byte| *byte == 0)
}

/// A message of an id and a payload.
pub(super) fn join(id: &[u8], payload: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(id.len() + 1 + payload.len());
    message.put_slice(id);
    message.put_u8(0);
    message.put_slice(payload);
    message.freeze()
}

/// The id of a request that arrived, for services that answer whole messages. [`Reply`]
/// answers payloads.
///
/// ```
/// use aiomsg_core::{Delivery, Identity};
/// use aiomsg_layers::request::RequestId;
///
/// let request = Delivery::new(Identity::random(), "7\0how long is this?");
/// let (id, request) = RequestId::split(request)?;
/// assert_eq!(request.payload(), "how long is this?");
/// assert_eq!(id.answer(b"17"), "7\x0017");
/// # Ok::<(), aiomsg_core::Error>(())
/// ```
///
/// [`Reply`]: super::Reply
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Bytes);

impl RequestId {
    /// Takes the id off a request. The message keeps all but the id.
    ///
    /// # Errors
    ///
    /// [`Error::is_payload`], with the peer, if the message is no request: none of its first
    /// 64 bytes is zero.
    pub fn split(message: Delivery) -> Result<(Self, Delivery), Error> {
        let Some(end) = end_of_id(message.payload()) else {
            let reason = format!("it is no request: none of its first {REACH} bytes is zero");
            let error = Error::new(ErrorKind::Payload).with_reason(reason);
            return Err(error.with_peer(message.from().clone()));
        };
        let id = message.payload().slice(..end);
        let payload = message.payload().slice(end + 1..);
        Ok((Self(id), message.with_payload(payload)))
    }

    /// The payload of the answer's message: the id, a zero byte and this.
    pub fn answer(&self, payload: &[u8]) -> Bytes {
        join(&self.0, payload)
    }
}
