//! The bytes of both dialects, one by one.

use super::*;
use aiomsg_core::{Headers, Identity, MessageId, Target};

const ID: MessageId = MessageId::from_bytes(*b"0123456789abcdef");
const HEARTBEAT: &[u8] = b"aiomsg-heartbeat";

fn encode(dialect: Dialect, frame: Frame) -> BytesMut {
    let mut wire = BytesMut::new();
    FrameCodec::new(dialect)
        .ids(MessageIds::with_salt(*b"saltsalt"))
        .encode(frame, &mut wire)
        .unwrap();
    wire
}

fn decode(dialect: Dialect, wire: &[u8]) -> Result<Option<Frame>, Error> {
    FrameCodec::new(dialect).decode(&mut BytesMut::from(wire))
}

#[test]
fn v1_frames() {
    for (frame, wire) in [
        (Frame::Heartbeat, &b"\0\0\0\x01\x02"[..]),
        (Frame::data("hello"), b"\0\0\0\x06\x03hello"),
        (Frame::data(""), b"\0\0\0\x01\x03"),
        (
            Frame::request(ID, "hello"),
            b"\0\0\0\x16\x040123456789abcdefhello",
        ),
        (Frame::ack(ID), b"\0\0\0\x11\x050123456789abcdef"),
    ] {
        assert_eq!(&encode(Dialect::V1, frame.clone())[..], wire);
        assert_eq!(decode(Dialect::V1, wire).unwrap(), Some(frame));
    }
}

#[test]
fn v2019_frames() {
    for (frame, wire) in [
        (Frame::Heartbeat, &b"\0\0\0\x10aiomsg-heartbeat"[..]),
        (Frame::data("hello"), b"\0\0\0\x05hello"),
        (
            Frame::request(ID, "hello"),
            b"\0\0\0\x1a0123456789abcdef\0REQ\0hello",
        ),
        (Frame::request(ID, ""), b"\0\0\0\x150123456789abcdef\0REQ\0"),
        (Frame::ack(ID), b"\0\0\0\x150123456789abcdef\0REP\0"),
    ] {
        assert_eq!(&encode(Dialect::V2019, frame.clone())[..], wire);
        assert_eq!(decode(Dialect::V2019, wire).unwrap(), Some(frame));
    }
}

/// Pitfalls 1 and 2: an empty payload was taken for the end of the
/// connection, one equal to the heartbeat was swallowed, one shaped like a
/// header was parsed as one.
#[test]
fn ambiguous_payloads_travel_as_requests_in_2019() {
    let shaped = b"0123456789abcdef\0REP\0and more".as_slice();
    for payload in [
        b"".as_slice(),
        HEARTBEAT,
        shaped,
        b"0123456789abcdef\0REQ\0",
    ] {
        assert!(is_ambiguous(payload));
        let mut wire = encode(Dialect::V2019, Frame::data(payload.to_vec()));
        assert_eq!(&wire[PREFIX..][..21], b"saltsalt\0\0\0\0\0\0\0\0\0REQ\0");
        let frame = FrameCodec::new(Dialect::V2019).decode(&mut wire).unwrap();
        assert_eq!(frame.unwrap().payload().unwrap(), payload);

        let mut wire = encode(Dialect::V1, Frame::data(payload.to_vec()));
        let frame = FrameCodec::new(Dialect::V1).decode(&mut wire).unwrap();
        assert_eq!(frame, Some(Frame::data(payload.to_vec())));
    }
    for payload in [
        b"x".as_slice(),
        b"aiomsg-heartbeat!",
        b"0123456789abcdef\0REX\0",
    ] {
        assert!(!is_ambiguous(payload));
    }
}

/// A request whose payload itself looks like a header loses one header only.
#[test]
fn a_header_within_a_request_is_payload() {
    let inner = b"fedcba9876543210\0REQ\0x".as_slice();
    let mut wire = encode(Dialect::V2019, Frame::request(ID, inner.to_vec()));
    let frame = FrameCodec::new(Dialect::V2019).decode(&mut wire).unwrap();
    assert_eq!(frame, Some(Frame::request(ID, inner.to_vec())));
}

/// Pitfall 6: a message in a frame of unknown type crashes or closes instead
/// of being skipped.
#[test]
fn unknown_types_are_skipped_in_v1() {
    let mut wire = BytesMut::from(&b"\0\0\0\x04\x99abc\0\0\0\x01\xff\0\0\0\x02\x03x"[..]);
    let mut codec = FrameCodec::new(Dialect::V1);
    assert_eq!(codec.decode(&mut wire).unwrap(), Some(Frame::data("x")));
    assert_eq!(codec.skipped(), 2);
}

#[test]
fn v1_frames_that_are_broken() {
    for (wire, word) in [
        (&b"\0\0\0\0"[..], "type byte"),
        (b"\0\0\0\x05\x04abcd", "too short"),
        (b"\0\0\0\x05\x05abcd", "too short"),
    ] {
        let error = decode(Dialect::V1, wire).unwrap_err();
        assert!(error.is_protocol());
        assert!(error.to_string().contains(word), "{error}");
    }
}

/// Pitfall 4: memory reserved from an unauthenticated length prefix.
#[test]
fn an_oversized_length_is_refused_before_memory_is_taken() {
    for dialect in [Dialect::V1, Dialect::V2019] {
        let mut wire = BytesMut::from(&b"\xff\xff\xff\xff"[..]);
        let before = wire.capacity();
        let error = FrameCodec::new(dialect).decode(&mut wire).unwrap_err();
        assert!(error.is_too_large());
        assert!(error.to_string().contains("4294967295"), "{error}");
        assert!(
            wire.is_empty() && wire.capacity() <= before,
            "it is passed over"
        );

        // Nor for a length that is allowed, before its bytes have come.
        let mut wire = BytesMut::from(&b"\x03\xff\xff\xff"[..]);
        assert_eq!(FrameCodec::new(dialect).decode(&mut wire).unwrap(), None);
        assert_eq!(wire.capacity(), before);
    }
}

#[test]
fn the_limit_counts_the_payload_alone() {
    let codec = || FrameCodec::new(Dialect::V1).max_message(4);
    let mut wire = BytesMut::new();
    codec()
        .encode(Frame::request(ID, "1234"), &mut wire)
        .unwrap();
    assert!(codec().decode(&mut wire).unwrap().is_some());
    let error = codec().encode(Frame::data("12345"), &mut wire).unwrap_err();
    assert!(error.is_too_large());
    assert!(wire.is_empty(), "nothing of a refused frame is written");
}

/// The limit was soft by the size of the largest header of any dialect.
#[test]
fn the_limit_holds_to_the_byte_in_every_frame_of_both_dialects() {
    for dialect in [Dialect::V1, Dialect::V2019] {
        for frame in [Frame::data, |it: &'static [u8]| Frame::request(ID, it)] {
            let sent: [&'static [u8]; 4] = [b"good", b"12345", b"12345678901234567890", b"last"];
            let mut wire = BytesMut::new();
            for payload in sent {
                let mut codec = FrameCodec::new(dialect);
                codec.encode(frame(payload), &mut wire).unwrap();
            }
            let mut codec = FrameCodec::new(dialect).max_message(4);
            assert_eq!(codec.decode(&mut wire).unwrap(), Some(frame(b"good")));
            for _ in 0..2 {
                assert!(codec.decode(&mut wire).unwrap_err().is_too_large());
            }
            assert_eq!(codec.decode(&mut wire).unwrap(), Some(frame(b"last")));
        }
    }
}

#[test]
fn a_frame_over_the_limit_is_passed_over_as_it_comes() {
    let mut codec = FrameCodec::new(Dialect::V1).max_message(4);
    let mut wire = BytesMut::from(&b"\0\0\x01\0\x03"[..]);
    assert!(codec.decode(&mut wire).unwrap_err().is_too_large());
    assert!(codec.is_passing() && wire.is_empty());
    for _ in 0..255 {
        wire.put_u8(3);
        assert_eq!(codec.frame_len(&wire).unwrap(), None);
        assert_eq!(codec.decode(&mut wire).unwrap(), None);
        assert!(wire.is_empty());
    }
    assert!(!codec.is_passing());
    codec.encode(Frame::data("next"), &mut wire).unwrap();
    assert_eq!(codec.decode(&mut wire).unwrap(), Some(Frame::data("next")));
}

#[test]
fn a_stream_that_ends_within_a_frame_is_an_error() {
    let mut codec = FrameCodec::new(Dialect::V1);
    assert_eq!(codec.decode_eof(&mut BytesMut::new()).unwrap(), None);
    let error = codec
        .decode_eof(&mut BytesMut::from(&b"\0\0\0\x09\x03abc"[..]))
        .unwrap_err();
    assert!(error.is_disconnected());
}

#[test]
fn the_target_does_not_travel() {
    let mut wire = encode(
        Dialect::V1,
        Frame::Data {
            payload: "x".into(),
            target: Target::Peer(Identity::random()),
        },
    );
    let frame = FrameCodec::new(Dialect::V1).decode(&mut wire).unwrap();
    assert_eq!(frame, Some(Frame::data("x")));
}

mod handshake {
    use super::super::hello::{self, Opening, detect};
    use super::*;

    const UUID: [u8; 16] = [0xab; 16];

    fn bytes(dialect: Dialect, identity: &Identity) -> BytesMut {
        let mut wire = BytesMut::new();
        hello::encode(dialect, identity, &mut wire).unwrap();
        wire
    }

    #[test]
    fn both_handshakes_byte_for_byte() {
        let identity = Identity::from(UUID);
        let v1 = bytes(Dialect::V1, &identity);
        assert_eq!(&v1[..6], b"\0\0\0\x12\x01\x01");
        assert_eq!(&v1[6..], UUID);
        let v2019 = bytes(Dialect::V2019, &identity);
        assert_eq!(&v2019[..4], b"\0\0\0\x10");
        assert_eq!(&v2019[4..], UUID);
    }

    #[test]
    fn identities_of_any_length_are_2019() {
        for len in (1..=255).filter(|&len| len != 18) {
            let identity = Identity::new(vec![1; len]).unwrap();
            let mut wire = bytes(Dialect::V2019, &identity);
            wire.extend_from_slice(b"\0\0");
            assert_eq!(detect(&wire).unwrap(), Opening::Speaks(Dialect::V2019));
            let decoded = hello::decode(Dialect::V2019, &mut wire).unwrap();
            assert_eq!(decoded, Some(identity));
            assert_eq!(&wire[..], b"\0\0", "what follows the handshake stays");
        }
        let eighteen = bytes(Dialect::V2019, &Identity::new([b'x'; 18]).unwrap());
        assert_eq!(detect(&eighteen).unwrap(), Opening::Speaks(Dialect::V2019));
    }

    #[test]
    fn v1_refuses_to_speak_for_other_identities() {
        let error = hello::encode(
            Dialect::V1,
            &Identity::new("server").unwrap(),
            &mut BytesMut::new(),
        )
        .unwrap_err();
        assert!(error.is_config());
    }

    #[test]
    fn detection_at_every_length() {
        let v1 = bytes(Dialect::V1, &UUID.into());
        let opening = |n: usize| detect(&v1[..n]).unwrap();
        for n in [0, 1, 2, 4, 5] {
            assert_eq!(opening(n), Opening::Incomplete, "{n} bytes");
        }
        assert_eq!(opening(3), Opening::Waiting);
        for n in 6..=v1.len() {
            assert_eq!(opening(n), Opening::Speaks(Dialect::V1), "{n} bytes");
        }
        assert_eq!(
            detect(b"\0\0\0\x10").unwrap(),
            Opening::Speaks(Dialect::V2019)
        );
    }

    #[test]
    fn what_is_no_handshake_is_named() {
        for (bytes, word) in [
            (&b"\x16\x03\x01\x02\x00"[..], "tls"),
            (b"GET / HTTP/1.1", "http"),
            (b"garbage", "not those of an aiomsg peer"),
            (b"\0\0\x01", "at most 255"),
            (b"\0\x01\0\0", "at most 255"),
            (b"\0\0\0\0", "empty"),
            (b"\0\0\0\x12\x01\x02", "version 2"),
        ] {
            let error = detect(bytes).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}

mod splits {
    use super::*;
    use proptest::prelude::*;

    fn headers() -> impl Strategy<Value = Headers> {
        proptest::collection::vec(("[a-z0-9._-]{1,9}", "[^\\p{Cc}]{0,9}"), 0..4).prop_map(|all| {
            let mut headers = Headers::new();
            for (name, value) in &all {
                headers.insert(name, value).unwrap();
            }
            headers
        })
    }

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let payload = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            Just(HEARTBEAT.to_vec()),
            Just(b"0123456789abcdef\0REQ\0x".to_vec()),
        ];
        let id = any::<[u8; 16]>().prop_map(MessageId::from_bytes);
        let frame = prop_oneof![
            Just(Frame::Heartbeat),
            payload.clone().prop_map(Frame::data),
            (id.clone(), payload.clone()).prop_map(|(id, payload)| Frame::request(id, payload)),
            (proptest::option::of(id.clone()), headers(), payload).prop_map(
                |(id, headers, payload)| Frame::message(id, Target::Any, headers, payload.into())
            ),
            id.prop_map(Frame::ack),
        ];
        proptest::collection::vec(frame, 0..20)
    }

    /// The frames of a stream, how many were skipped, and what was wrong, with the frames
    /// before it.
    #[derive(Debug, PartialEq)]
    struct All {
        frames: Vec<Frame>,
        skipped: u64,
        errors: Vec<(usize, String)>,
    }

    /// How frames are taken off a buffer until there are none, or one is wrong.
    type Take = fn(&mut FrameCodec, &mut BytesMut, &mut Vec<Frame>) -> Result<(), Error>;

    fn one_by_one(
        codec: &mut FrameCodec,
        src: &mut BytesMut,
        frames: &mut Vec<Frame>,
    ) -> Result<(), Error> {
        while let Some(frame) = codec.decode(src)? {
            frames.push(frame);
        }
        Ok(())
    }

    /// As connections do, for a visitor that goes on, or stops, at every frame.
    fn by_visitor(
        at_each: ControlFlow<()>,
        codec: &mut FrameCodec,
        src: &mut BytesMut,
        frames: &mut Vec<Frame>,
    ) -> Result<(), Error> {
        let mut visitor = |frame| {
            frames.push(frame);
            at_each
        };
        while codec.decode_each(src, &mut visitor)?.is_break() {}
        Ok(())
    }

    fn decode_by(take: Take, mut codec: FrameCodec, parts: &[&[u8]]) -> All {
        let mut src = BytesMut::new();
        let (mut frames, mut errors) = (Vec::new(), Vec::new());
        for part in parts {
            src.extend_from_slice(part);
            while let Err(error) = take(&mut codec, &mut src, &mut frames) {
                errors.push((frames.len(), error.to_string()));
            }
        }
        if let Err(error) = codec.decode_eof(&mut src) {
            errors.push((frames.len(), error.to_string()));
        }
        All {
            frames,
            skipped: codec.skipped(),
            errors,
        }
    }

    /// What all ways to decode make of a stream.
    fn decode_all(codec: &FrameCodec, parts: &[&[u8]]) -> All {
        let all = decode_by(one_by_one, codec.clone(), parts);
        let visited: [Take; 2] = [
            |codec, src, frames| by_visitor(ControlFlow::Continue(()), codec, src, frames),
            |codec, src, frames| by_visitor(ControlFlow::Break(()), codec, src, frames),
        ];
        for take in visited {
            let other = decode_by(take, codec.clone(), parts);
            assert_eq!(other, all, "{parts:x?}");
        }
        all
    }

    /// These bytes in pieces, whose sizes go round.
    fn pieces<'a>(mut wire: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
        let mut cuts = cuts.iter().cycle();
        let mut pieces = Vec::new();
        while !wire.is_empty() {
            let cut = cuts.next().map_or(wire.len(), |it| wire.len().min(*it));
            let (piece, rest) = wire.split_at(cut);
            pieces.push(piece);
            wire = rest;
        }
        pieces
    }

    /// Each kind of frame with each length around those of its head, so that some are too
    /// short, before one that is whole; cut at every byte.
    #[test]
    fn frames_of_every_length_decode_the_same_however_they_are_cut() {
        let (short, codec) = (3, FrameCodec::new(Dialect::V1).max_message(3));
        let end = encode(Dialect::V1, Frame::ack(ID));
        for kind in 0..=7 {
            for len in 0..=1 + MessageId::LEN + short + 2 {
                let body = [&[kind], &ID.as_bytes()[..], b"hello"].concat();
                let wire = [&[0, 0, 0, len as u8], &body[..len], &end[..]].concat();
                let whole = decode_all(&codec, &[&wire]);
                assert_eq!(whole.frames.last(), Some(&Frame::ack(ID)));
                for cut in 1..wire.len() {
                    let (first, second) = wire.split_at(cut);
                    assert_eq!(decode_all(&codec, &[first, second]), whole);
                    // It ends there.
                    decode_all(&codec, &[first]);
                }
                let bytes: Vec<_> = wire.chunks(1).collect();
                assert_eq!(decode_all(&codec, &bytes), whole);
            }
        }
    }

    /// What the receiver sees: an ambiguous payload comes as a request.
    fn message(frame: &Frame) -> Option<Vec<u8>> {
        frame.payload().map(|payload| payload.to_vec())
    }

    proptest! {
        #[test]
        fn any_split_decodes_the_same(
            frames in frames(),
            cuts in proptest::collection::vec(1usize..40, 1..50),
            v1 in any::<bool>(),
        ) {
            let dialect = if v1 { Dialect::V1 } else { Dialect::V2019 };
            let mut codec = FrameCodec::new(dialect);
            let mut wire = BytesMut::new();
            for frame in &frames {
                codec.encode(frame.clone(), &mut wire).unwrap();
            }
            let all = decode_all(&FrameCodec::new(dialect), &pieces(&wire, &cuts));
            prop_assert_eq!((all.skipped, all.errors), (0, Vec::new()));
            let got = all.frames;
            prop_assert_eq!(got.len(), frames.len());
            for (got, sent) in got.iter().zip(&frames) {
                prop_assert_eq!(message(got), message(sent));
                if v1 {
                    prop_assert_eq!(got, sent);
                }
            }
        }

        /// Bytes that are no frames, or broken ones, among them.
        #[test]
        fn any_split_of_any_bytes_decodes_the_same(
            parts in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..30),
                    (0u8..30, proptest::collection::vec(any::<u8>(), 0..30))
                        .prop_map(|(len, body)| [&[0, 0, 0, len], &body[..]].concat()),
                ],
                0..8,
            ),
            cuts in proptest::collection::vec(1usize..40, 1..50),
            v1 in any::<bool>(),
        ) {
            let dialect = if v1 { Dialect::V1 } else { Dialect::V2019 };
            let wire = parts.concat();
            // Some of these frames are over a small limit.
            for limit in [5, DEFAULT_MAX_MESSAGE] {
                let codec = FrameCodec::new(dialect).max_message(limit);
                let whole = decode_all(&codec, &[&wire]);
                prop_assert_eq!(decode_all(&codec, &pieces(&wire, &cuts)), whole);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for dialect in [Dialect::V1, Dialect::V2019] {
                let mut src = BytesMut::from(&bytes[..]);
                let mut codec = FrameCodec::new(dialect).max_message(1000);
                while let Ok(Some(_)) = codec.decode(&mut src) {}
                decode_all(&FrameCodec::new(dialect).max_message(1000), &[&bytes]);
                let _ = hello::decode(dialect, &mut BytesMut::from(&bytes[..]));
            }
            let _ = hello::detect(&bytes);
        }
    }
}
