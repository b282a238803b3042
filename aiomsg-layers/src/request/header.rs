//! The header of a request and of its answer: the id and a zero byte.

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
