use aiomsg_core::{Dialect, MessageId};
use tokio_util::codec::{Decoder, Encoder};

use super::super::FrameCodec;
use super::*;

const ID: MessageId = MessageId::from_bytes(*b"0123456789abcdef");
const ANNOUNCEMENT: &[u8] = b"\0\0\0\x12\xff\x40aiomsg-headers/1";

fn codec() -> FrameCodec {
    FrameCodec::new(Dialect::V1)
}

fn message(id: Option<MessageId>) -> Frame {
    let mut headers = Headers::new();
    headers.insert("a", "b").unwrap();
    Frame::message(id, Target::Any, headers, "hi".into())
}

fn wire(parts: &[&[u8]]) -> BytesMut {
    BytesMut::from(&parts.concat()[..])
}

fn encoded(codec: &mut FrameCodec, frame: Frame) -> BytesMut {
    let mut wire = BytesMut::new();
    codec.encode(frame, &mut wire).unwrap();
    wire
}

/// All frames, and the error at the end.
fn decoded(mut codec: FrameCodec, mut wire: BytesMut) -> (Vec<Frame>, u64, Option<String>) {
    let mut frames = Vec::new();
    let error = loop {
        match codec.decode(&mut wire) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    (frames, codec.skipped(), error)
}

#[test]
fn they_are_announced_once_and_travel_before_their_message() {
    let mut codec = codec();
    let headers = b"\0\0\0\x06\x40\x01a\0\x01b";
    let first = encoded(&mut codec, message(None));
    assert_eq!(first, [ANNOUNCEMENT, headers, b"\0\0\0\x03\x03hi"].concat());
    let second = encoded(&mut codec, message(Some(ID)));
    let request = b"\0\0\0\x13\x040123456789abcdefhi";
    assert_eq!(second, [&headers[..], request].concat());
    let plain = encoded(&mut codec, Frame::data("hi"));
    assert_eq!(&plain[..], b"\0\0\0\x03\x03hi");

    let (frames, skipped, error) = decoded(self::codec(), wire(&[&first, &second, &plain]));
    assert_eq!(
        frames,
        [message(None), message(Some(ID)), Frame::data("hi")]
    );
    assert_eq!((skipped, error), (0, None));
}

/// A later version may give the type another meaning. Nor do a stranger's names matter.
#[test]
fn what_was_not_announced_is_skipped() {
    let data = b"\0\0\0\x03\x03hi";
    for strange in [
        &b"\0\0\0\x06\x40\x01a\0\x01b"[..],
        b"\0\0\0\x12\xff\x40aiomsg-headers/2\0\0\0\x06\x40\x01a\0\x01b",
        b"\0\0\0\x12\xff\x41aiomsg-headers/1\0\0\0\x06\x40\x01a\0\x01b",
        b"\0\0\0\x01\xff",
        b"\0\0\0\x02\xff\x40",
    ] {
        let (frames, skipped, error) = decoded(codec(), wire(&[strange, data]));
        assert_eq!(frames, [Frame::data("hi")], "{strange:?}");
        assert!(skipped <= 2 && error.is_none(), "{error:?}");
    }
}

#[test]
fn the_peer_chooses_its_type() {
    let strange = b"\0\0\0\x12\xff\x99aiomsg-headers/1\0\0\0\x06\x99\x01a\0\x01b\0\0\0\x03\x03hi";
    let (frames, ..) = decoded(codec(), wire(&[strange]));
    assert_eq!(frames, [message(None)]);
}

/// A message whose headers are refused does not come without them.
#[test]
fn what_is_broken_is_named_and_harms_no_other_message() {
    let headers = b"\0\0\0\x06\x40\x01a\0\x01b";
    let good = b"\0\0\0\x03\x03hi";
    let lost = b"\0\0\0\x05\x03lost";
    for (broken, word) in [
        (
            &[b"\0\0\0\x06\x40\x01A\0\x01b", &lost[..]].concat()[..],
            "lower-case",
        ),
        (
            &[b"\0\0\0\x05\x40\x01a\0\x01", &lost[..]].concat(),
            "byte 0 is cut off",
        ),
        (&[headers, &headers[..], lost].concat(), "came twice"),
        (
            &[&headers[..], b"\0\0\0\x01\x02", lost].concat(),
            "without a message",
        ),
        (b"\0\0\0\x12\xff\x03aiomsg-headers/1", "0x03"),
        (b"\0\0\0\x12\xff\xffaiomsg-headers/1", "0xff"),
    ] {
        let mut codec = codec();
        let mut wire = wire(&[ANNOUNCEMENT, broken, good]);
        let error = codec.decode(&mut wire).unwrap_err();
        assert!(error.is_protocol(), "{error}");
        assert!(error.to_string().contains(word), "{error}");
        if broken.ends_with(lost) {
            let error = codec.decode(&mut wire).unwrap_err();
            assert!(error.to_string().contains("were refused"), "{error}");
        }
        let next = codec.decode(&mut wire).unwrap().unwrap();
        assert_eq!(next.payload().unwrap(), "hi");
    }
}

/// Frames of unknown types are skipped wherever they are.
#[test]
fn a_frame_to_skip_may_come_between() {
    let between = b"\0\0\0\x06\x40\x01a\0\x01b\0\0\0\x02\x77x\0\0\0\x03\x03hi";
    let (frames, skipped, _) = decoded(codec(), wire(&[ANNOUNCEMENT, between]));
    assert_eq!((frames, skipped), (vec![message(None)], 1));
}

#[test]
fn limits_hold_in_both_directions() {
    let limits = HeaderLimits { count: 1, bytes: 5 };
    let sent = encoded(&mut codec().header_limits(limits), message(None));
    let (frames, _, error) = decoded(codec().header_limits(limits), sent.clone());
    assert_eq!((frames.len(), error), (1, None));
    for (limits, word) in [
        (
            HeaderLimits { count: 0, bytes: 5 },
            "they are 1, where they are at most 0",
        ),
        (
            HeaderLimits { count: 1, bytes: 4 },
            "they have 5 bytes, where they have at most 4",
        ),
    ] {
        let mut small = codec().header_limits(limits);
        let mut nothing = BytesMut::new();
        let error = small.encode(message(None), &mut nothing).unwrap_err();
        assert!(error.is_too_large() && nothing.is_empty());
        assert!(error.to_string().contains(word), "{error}");
        let (_, _, error) = decoded(small, sent.clone());
        assert!(
            error.as_ref().is_some_and(|it| it.contains(word)),
            "{error:?}"
        );
    }
}

/// Headers may be larger than a message, and messages larger than headers.
#[test]
fn the_limit_of_messages_is_not_that_of_headers() {
    let mut headers = Headers::new();
    headers.insert("long", &"x".repeat(1000)).unwrap();
    let frame = Frame::message(None, Target::Any, headers, "1234".into());
    let sent = encoded(&mut codec().max_message(4), frame.clone());
    let (frames, _, error) = decoded(codec().max_message(4), sent);
    assert_eq!((frames, error), (vec![frame], None));
}

/// Headers beyond any limit are passed over, and their message with them, also where their
/// type comes later than their length.
#[test]
fn headers_that_are_passed_over_take_their_message_with_them() {
    let mut large = b"\0\0\x40\0\x40".to_vec();
    large.resize(large.len() + 0x3fff, b'x');
    for first in [4, 5, large.len()] {
        let mut codec = codec().max_message(4);
        let mut wire = wire(&[ANNOUNCEMENT, &large[..first]]);
        let error = codec.decode(&mut wire).unwrap_err();
        assert!(error.is_too_large(), "{error}");
        wire.extend_from_slice(&large[first..]);
        wire.extend_from_slice(b"\0\0\0\x03\x03no\0\0\0\x03\x03hi");
        let error = codec.decode(&mut wire).unwrap_err();
        assert!(error.to_string().contains("were refused"), "{error}");
        assert_eq!(codec.decode(&mut wire).unwrap(), Some(Frame::data("hi")));
    }
}

#[test]
fn they_are_left_out_of_2019_or_refuse_the_message() {
    let count = Arc::new(AtomicU64::new(0));
    let mut codec = FrameCodec::new(Dialect::V2019).count_left_out(Arc::clone(&count));
    assert_eq!(&encoded(&mut codec, message(None))[..], b"\0\0\0\x02hi");
    let request = encoded(&mut codec, message(Some(ID)));
    assert_eq!(&request[..], b"\0\0\0\x170123456789abcdef\0REQ\0hi");
    assert_eq!(count.load(Relaxed), 2);

    let mut strict = FrameCodec::new(Dialect::V2019).require_headers(true);
    let mut nothing = BytesMut::new();
    let error = strict.encode(message(None), &mut nothing).unwrap_err();
    assert!(nothing.is_empty());
    assert!(
        error.to_string().contains("the message has headers"),
        "{error}"
    );
    encoded(&mut strict, Frame::data("hi"));
}

/// What would be taken for something else, with headers or without.
#[test]
fn ambiguous_payloads_travel_as_requests_in_2019() {
    let mut headers = Headers::new();
    headers.insert("a", "b").unwrap();
    let frame = Frame::message(None, Target::Any, headers, "aiomsg-heartbeat".into());
    let mut codec = FrameCodec::new(Dialect::V2019);
    let mut sent = encoded(&mut codec, frame);
    let came = codec.decode(&mut sent).unwrap().unwrap();
    assert_eq!(came.payload().unwrap(), "aiomsg-heartbeat");
}

/// What a message leaves behind when it is refused.
fn after(broken: &[&[u8]], max_message: usize) -> (Vec<Frame>, Vec<String>) {
    let mut codec = codec().max_message(max_message);
    let mut all = wire(&[ANNOUNCEMENT]);
    all.extend_from_slice(&broken.concat());
    all.extend_from_slice(b"\0\0\0\x05\x03next");
    let (mut frames, mut errors) = (Vec::new(), Vec::new());
    // Byte by byte, so that nothing depends on what comes at once.
    let mut src = BytesMut::new();
    for byte in all {
        src.put_u8(byte);
        loop {
            match codec.decode(&mut src) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => errors.push(error.to_string()),
            }
        }
    }
    (frames, errors)
}

/// The headers of a message that was refused went to the next one.
#[test]
fn headers_belong_to_one_message_even_if_that_is_refused() {
    let headers = b"\0\0\0\x06\x40\x01a\0\x01b";
    let long = [&b"\0\0\0\x41\x03"[..], &[b'x'; 64]].concat();
    let longer_request = [&b"\0\0\0\x41\x04"[..], &[b'x'; 64]].concat();
    for refused in [&long[..], &longer_request, b"\0\0\0\x05\x04abcd"] {
        let (frames, errors) = after(&[headers, refused], 8);
        assert_eq!(frames, [Frame::data("next")], "{refused:?}");
        assert_eq!(errors.len(), 1, "{errors:?}");
        // Nor is one without headers refused for one before it.
        let (frames, errors) = after(&[refused], 8);
        assert_eq!((frames, errors.len()), (vec![Frame::data("next")], 1));
    }
}

/// A message whose headers were refused, or are of another one, is not that message.
#[test]
fn a_message_does_not_come_without_its_headers() {
    let headers = b"\0\0\0\x06\x40\x01a\0\x01b";
    let bad = b"\0\0\0\x06\x40\x01A\0\x01b";
    let heartbeat = b"\0\0\0\x01\x02";
    for broken in [
        &[&bad[..]][..],
        &[bad, heartbeat],
        &[headers, heartbeat],
        &[headers, headers],
        &[headers, b"\0\0\0\0"],
    ] {
        let (frames, errors) = after(broken, 8);
        assert!(
            frames.iter().all(|it| *it == Frame::Heartbeat),
            "{broken:?}: {frames:?}"
        );
        assert_eq!(errors.len(), 2, "{errors:?}");
    }
}

/// A peer that sends headers and no message held the whole buffer that they came in.
#[test]
fn headers_that_wait_hold_no_other_bytes() {
    let mut codec = codec();
    let mut src = wire(&[ANNOUNCEMENT, b"\0\0\0\x06\x40\x01a\0\x01b"]);
    src.reserve(1 << 20);
    let room = src.capacity();
    assert!(codec.decode(&mut src).unwrap().is_none() && src.is_empty());
    // The buffer is free again, all of it.
    assert!(src.try_reclaim(room), "{room}");
}
