//! The messages in the bytes of one direction of a connection.
//!
//! This is written after the protocol, and not after the library's codecs, which
//! it is to judge.

/// A message whose every byte was taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) payload: &'a [u8],
    /// The position behind its last byte.
    pub(crate) end: usize,
}

/// The messages that were taken whole, after the handshake.
pub(crate) fn messages(bytes: &[u8]) -> Vec<Message<'_>> {
    let messages = bodies(bytes).filter_map(|(is_v1, body, end)| {
        let payload = match is_v1 {
            true => payload_v1(body),
            false => payload_2019(body),
        };
        payload.map(|payload| Message { payload, end })
    });
    messages.collect()
}

/// The ids of those among them that want to be acknowledged.
pub(crate) fn ids(bytes: &[u8]) -> impl Iterator<Item = [u8; 16]> {
    bodies(bytes).filter_map(|(is_v1, body, _)| {
        let id = match is_v1 {
            true => body.strip_prefix(&[4])?.get(..16),
            false => body
                .get(..16)
                .filter(|_| body[16..].starts_with(b"\0REQ\0")),
        };
        id?.try_into().ok()
    })
}

/// The position behind each frame.
pub(crate) fn ends(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bodies(bytes).map(|(_, _, end)| end)
}

/// Each frame behind the handshake: whether it is of v1, what is in it, and the position
/// behind it.
fn bodies(bytes: &[u8]) -> impl Iterator<Item = (bool, &[u8], usize)> {
    let hello = frame(bytes, 0);
    let is_v1 = hello.is_some_and(|(hello, _)| hello.len() == 18 && hello.starts_with(&[1, 1]));
    let mut at = hello.map(|(_, end)| end);
    std::iter::from_fn(move || {
        let (body, end) = frame(bytes, at?)?;
        at = Some(end);
        Some((is_v1, body, end))
    })
}

fn frame(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let head = bytes.get(at..at + 4)?;
    let len = u32::from_be_bytes(head.try_into().ok()?) as usize;
    let end = at + 4 + len;
    Some((bytes.get(at + 4..end)?, end))
}

fn payload_v1(body: &[u8]) -> Option<&[u8]> {
    match body.split_first()? {
        (3, payload) => Some(payload),
        (4, rest) => rest.get(16..),
        _ => None,
    }
}

fn payload_2019(body: &[u8]) -> Option<&[u8]> {
    if body == b"aiomsg-heartbeat" {
        return None;
    }
    match body.get(16..21) {
        Some(b"\0REQ\0") => body.get(21..),
        Some(b"\0REP\0") if body.len() == 21 => None,
        _ => Some(body),
    }
}

#[test]
fn messages_are_found_in_both_dialects() {
    let v1 = b"\0\0\0\x12\x01\x010123456789abcdef\0\0\0\x01\x02\0\0\0\x03\x03hi\0\0\0\x12\x04fedcba9876543210!\0\0\0\x09\x03cut";
    let payloads: Vec<_> = messages(v1).iter().map(|it| it.payload).collect();
    assert_eq!(payloads, [&b"hi"[..], b"!"]);

    let v2019 = b"\0\0\0\x100123456789abcdef\0\0\0\x10aiomsg-heartbeat\0\0\0\x02hi\0\0\0\x16fedcba9876543210\0REQ\0!\0\0\0\x15fedcba9876543210\0REP\0";
    assert_eq!(ids(v1).collect::<Vec<_>>(), [*b"fedcba9876543210"]);
    assert_eq!(ids(v2019).collect::<Vec<_>>(), [*b"fedcba9876543210"]);
    let found = messages(v2019);
    let payloads: Vec<_> = found.iter().map(|it| it.payload).collect();
    assert_eq!(payloads, [&b"hi"[..], b"!"]);
    assert_eq!(found[0].end, 46);
}
