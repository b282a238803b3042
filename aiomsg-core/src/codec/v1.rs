//! Dialect v1: the first byte of a body is its type.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{Error, ErrorKind, Frame, MessageId, Target};

pub(super) const HELLO: u8 = 1;
const HEARTBEAT: u8 = 2;
const DATA: u8 = 3;
const DATA_REQ: u8 = 4;
const ACK: u8 = 5;

pub(super) fn encode_head(frame: &Frame, payload: usize, dst: &mut BytesMut) {
    let mut prefix = |body: usize, kind: u8| {
        dst.put_u32(body as u32);
        dst.put_u8(kind);
    };
    match frame {
        Frame::Heartbeat => prefix(1, HEARTBEAT),
        Frame::Data { .. } => prefix(1 + payload, DATA),
        Frame::Request { id, .. } => {
            prefix(1 + MessageId::LEN + payload, DATA_REQ);
            dst.put_slice(id.as_bytes());
        }
        Frame::Ack { id } => {
            prefix(1 + MessageId::LEN, ACK);
            dst.put_slice(id.as_bytes());
        }
    }
}

/// `None` is a frame to skip: of an unknown type, or a second HELLO, which
/// says nothing new.
pub(super) fn decode(mut body: Bytes) -> Result<Option<Frame>, Error> {
    if body.is_empty() {
        return Err(protocol("a frame without a type byte"));
    }
    let frame = match body.get_u8() {
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
        _ => return Ok(None),
    };
    Ok(Some(frame))
}

fn take_id(body: &mut Bytes) -> Option<MessageId> {
    let id = MessageId::from_slice(body.get(..MessageId::LEN)?);
    body.advance(MessageId::LEN);
    id
}

fn protocol(reason: &str) -> Error {
    Error::new(ErrorKind::Protocol).with_reason(reason)
}
