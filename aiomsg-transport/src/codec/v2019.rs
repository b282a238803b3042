//! The 2019 dialect: only the bytes of a body show its kind.

use aiomsg_core::{Error, Frame, MessageId, MessageIds, Target};
use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::headers::HeaderCodec;

const HEARTBEAT: &[u8; 16] = b"aiomsg-heartbeat";
const REQUEST: &[u8; 5] = b"\0REQ\0";
const REPLY: &[u8; 5] = b"\0REP\0";

/// The id and the word before the payload of a request.
pub(super) const HEADER: usize = MessageId::LEN + REQUEST.len();

/// Returns whether a payload, sent unchanged in the 2019 dialect, would be mistaken for
/// something else: an empty frame for the end of the connection, the heartbeat's text for a
/// heartbeat, and 16 bytes followed by `REQ` or `REP` between zeros for a header.
///
/// Such a payload travels as a request, whose header the receiver strips. No message waits
/// for its acknowledgement.
pub fn is_ambiguous(payload: &[u8]) -> bool {
    payload.is_empty() || payload == HEARTBEAT || header(payload).is_some()
}

enum Header {
    Request,
    Reply,
}

fn header(body: &[u8]) -> Option<Header> {
    // One comparison turns nearly every payload away.
    let word = body.get(MessageId::LEN..HEADER)?;
    if word == REQUEST {
        Some(Header::Request)
    } else if word == REPLY {
        Some(Header::Reply)
    } else {
        None
    }
}

pub(super) fn encode_head(
    frame: &Frame,
    payload_len: usize,
    ids: &mut MessageIds,
    headers: &mut HeaderCodec,
    dst: &mut BytesMut,
) -> Result<(), Error> {
    let mut with_header = |id: MessageId, word: &[u8]| {
        dst.put_u32((HEADER + payload_len) as u32);
        dst.put_slice(id.as_bytes());
        dst.put_slice(word);
    };
    match frame {
        Frame::Heartbeat => {
            dst.put_u32(HEARTBEAT.len() as u32);
            dst.put_slice(HEARTBEAT);
        }
        Frame::Data { payload, .. } if is_ambiguous(payload) => {
            with_header(ids.next_id(), REQUEST);
        }
        Frame::Data { .. } => dst.put_u32(payload_len as u32),
        Frame::Request { id, .. } => with_header(*id, REQUEST),
        Frame::WithHeaders(message) => {
            headers.leave_out()?;
            match message.id {
                Some(id) => with_header(id, REQUEST),
                None if is_ambiguous(&message.payload) => with_header(ids.next_id(), REQUEST),
                None => dst.put_u32(payload_len as u32),
            }
        }
        Frame::Ack { id } => with_header(*id, REPLY),
        _ => return Err(super::unknown_frame()),
    }
    Ok(())
}

pub(super) fn decode(mut body: Bytes) -> Frame {
    if body == HEARTBEAT[..] {
        return Frame::Heartbeat;
    }
    match (header(&body), super::id_at(&body)) {
        (Some(Header::Request), Some(id)) => {
            body.advance(HEADER);
            Frame::Request { id, payload: body }
        }
        (Some(Header::Reply), Some(id)) => Frame::Ack { id },
        _ => Frame::Data {
            payload: body,
            target: Target::Any,
        },
    }
}
