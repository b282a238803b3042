//! Dialect v1: the first byte of a body is its type.

use aiomsg_core::{Error, ErrorKind, Frame, MessageId, Target};
use bytes::{Buf, BufMut, Bytes, BytesMut};

pub(super) const HELLO: u8 = 1;
const HEARTBEAT: u8 = 2;
const DATA: u8 = 3;
const DATA_REQ: u8 = 4;
const ACK: u8 = 5;

#[inline(always)]
pub(super) fn encode_head(frame: &Frame, payload: usize, dst: &mut BytesMut) -> Result<(), Error> {
    let mut prefix = |body: usize, kind: u8| {
        let [a, b, c, d] = (body as u32).to_be_bytes();
        dst.put_slice(&[a, b, c, d, kind]);
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
        _ => return Err(super::unknown_frame()),
    }
    Ok(())
}

/// Reduces a body to its payload, if it is a message that wants no acknowledgement.
/// Returns whether it is.
#[inline(always)]
pub(super) fn take_data(body: &mut Bytes) -> bool {
    let is_data = body.first() == Some(&DATA);
    if is_data {
        body.advance(1);
    }
    is_data
}

/// Returns `None` for a frame to skip: one of an unknown type, or a second HELLO.
#[inline]
pub(super) fn decode(mut body: Bytes) -> Result<Option<Frame>, Error> {
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
        _ => return Ok(None),
    };
    Ok(Some(frame))
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
