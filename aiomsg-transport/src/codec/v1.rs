//! Dialect v1: the first byte of a body is its type.

use aiomsg_core::{Error, ErrorKind, Frame, MessageId, MessageWithHeaders, Target};
use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::PREFIX;
use super::headers::HeaderCodec;

pub(super) const HELLO: u8 = 1;
const HEARTBEAT: u8 = 2;
const DATA: u8 = 3;
const DATA_REQ: u8 = 4;
const ACK: u8 = 5;

/// The last of the types that the dialect has.
pub(super) const LAST: u8 = ACK;

/// Gives a type to the frames of an extension. A peer that does not know it skips both.
pub(super) const EXTENSION: u8 = 0xff;

#[inline(always)]
pub(super) fn encode_head(
    frame: &Frame,
    payload: usize,
    headers: &mut HeaderCodec,
    dst: &mut BytesMut,
) -> Result<(), Error> {
    // Each is one write, which looks once for room.
    let prefix = |body: usize, kind: u8| {
        let [a, b, c, d] = (body as u32).to_be_bytes();
        [a, b, c, d, kind]
    };
    let with_id = |body: usize, kind: u8, id: &MessageId| {
        let mut head = [0; REQUEST_HEAD];
        head[..DATA_HEAD].copy_from_slice(&prefix(body, kind));
        head[DATA_HEAD..].copy_from_slice(id.as_bytes());
        head
    };
    match frame {
        Frame::Heartbeat => dst.put_slice(&prefix(1, HEARTBEAT)),
        Frame::Data { .. } => dst.put_slice(&prefix(1 + payload, DATA)),
        Frame::Request { id, .. } => {
            dst.put_slice(&with_id(1 + MessageId::LEN + payload, DATA_REQ, id));
        }
        Frame::Ack { id } => dst.put_slice(&with_id(1 + MessageId::LEN, ACK, id)),
        Frame::WithHeaders(message) => return encode_with_headers(message, headers, dst),
        _ => return Err(super::unknown_frame()),
    }
    Ok(())
}

#[cold]
fn encode_with_headers(
    message: &MessageWithHeaders,
    headers: &mut HeaderCodec,
    dst: &mut BytesMut,
) -> Result<(), Error> {
    headers.encode(message, dst)?;
    let (id, payload) = (message.id, message.payload.len());
    let id_len = id.map_or(0, |_| MessageId::LEN);
    dst.put_u32((1 + id_len + payload) as u32);
    dst.put_u8(if id.is_some() { DATA_REQ } else { DATA });
    if let Some(id) = id {
        dst.put_slice(id.as_bytes());
    }
    Ok(())
}

/// Whether a frame of this type is a message.
pub(super) fn is_message(kind: u8) -> bool {
    matches!(kind, DATA | DATA_REQ)
}

/// The length of all before the payload of a message, with the prefix.
pub(super) const DATA_HEAD: usize = PREFIX + 1;

/// The same for a message that wants an acknowledgement, and the length of that.
pub(super) const REQUEST_HEAD: usize = DATA_HEAD + MessageId::LEN;

/// The frames that come by the million.
pub(super) enum Common {
    Data,
    Request(MessageId),
    Ack(MessageId),
}

/// Says whether the first frame, which is whole and has this length, is a common one.
/// In another dialect, and when headers have come for the next message, none is.
#[inline(always)]
pub(super) fn common(plain: bool, src: &[u8], len: usize) -> Option<Common> {
    if !plain || len < DATA_HEAD {
        return None;
    }
    let kind = *src.get(PREFIX)?;
    if kind == DATA {
        return Some(Common::Data);
    }
    if len < REQUEST_HEAD {
        return None;
    }
    let id = super::id_at(src.get(DATA_HEAD..)?)?;
    match kind {
        DATA_REQ => Some(Common::Request(id)),
        ACK => Some(Common::Ack(id)),
        _ => None,
    }
}

/// The meaning of a body.
pub(super) enum Decoded {
    Frame(Frame),
    /// Something about the next frames.
    Note,
    /// A frame of an unknown type, or a second HELLO.
    Skipped,
}

#[inline]
pub(super) fn decode(mut body: Bytes, headers: &mut HeaderCodec) -> Result<Decoded, Error> {
    let Some(&kind) = body.first() else {
        return Err(protocol("a frame without a type byte"));
    };
    body.advance(1);
    let frame = match kind {
        HEARTBEAT => Frame::Heartbeat,
        DATA => Frame::Data {
            payload: body,
            target: Target::Any,
        },
        DATA_REQ => Frame::Request {
            id: take_id(&mut body).ok_or_else(|| protocol("a request too short for its id"))?,
            payload: body,
        },
        ACK => Frame::Ack {
            id: take_id(&mut body)
                .ok_or_else(|| protocol("an acknowledgement too short for its id"))?,
        },
        HELLO => return Ok(Decoded::Skipped),
        kind => {
            return Ok(match headers.decode(kind, body)? {
                true => Decoded::Skipped,
                false => Decoded::Note,
            });
        }
    };
    Ok(Decoded::Frame(headers.complete(frame)?))
}

fn take_id(body: &mut Bytes) -> Option<MessageId> {
    let id = super::id_at(body)?;
    body.advance(MessageId::LEN);
    Some(id)
}

#[cold]
fn protocol(reason: &str) -> Error {
    Error::new(ErrorKind::Protocol).with_reason(reason)
}
