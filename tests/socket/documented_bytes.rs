//! The bytes that `docs/protocol.md` shows are those that the codecs write.

use aiomsg::builder::Dialect;
use aiomsg::message::{Headers, MessageId, Target};
use aiomsg::parts::transport::codec::FrameCodec;
use aiomsg::parts::vocabulary::Frame;
use bytes::BytesMut;
use tokio_util::codec::{Decoder, Encoder};

const PAGE: &str = include_str!("../../docs/protocol.md");

/// The names and the bytes of the example in a section.
fn example(section: &str) -> Vec<(String, Vec<u8>)> {
    let (_, behind) = PAGE.split_once(section).unwrap();
    let (_, behind) = behind.split_once("```text\n").unwrap();
    let (block, _) = behind.split_once("```").unwrap();
    let mut lines: Vec<(String, Vec<u8>)> = Vec::new();
    for line in block.lines() {
        let (name, bytes) = line.split_once("  ").unwrap();
        let bytes = bytes.split_whitespace();
        let bytes = bytes.map(|it| u8::from_str_radix(it, 16).unwrap());
        match name.is_empty() {
            true => lines.last_mut().unwrap().1.extend(bytes),
            false => lines.push((name.to_owned(), bytes.collect())),
        }
    }
    lines
}

fn id() -> MessageId {
    MessageId::from_bytes(std::array::from_fn(|at| 0xa0 + at as u8))
}

fn with_headers(id: Option<MessageId>, headers: &[(&str, &str)]) -> Frame {
    let mut all = Headers::new();
    for (name, value) in headers {
        all.insert(name, value).unwrap();
    }
    Frame::message(id, Target::Any, all, "hi".into())
}

/// Whether one codec writes these frames as the lines that are shown, and reads them.
fn are_shown(dialect: Dialect, lines: &[(String, Vec<u8>)], frames: &[Frame]) {
    let shown: Vec<u8> = lines.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let (mut codec, mut wire) = (FrameCodec::new(dialect), BytesMut::new());
    for frame in frames {
        codec.encode(frame.clone(), &mut wire).unwrap();
    }
    assert_eq!(wire, shown, "{lines:?}");
    for frame in frames {
        assert_eq!(codec.decode(&mut wire).unwrap().as_ref(), Some(frame));
    }
    assert_eq!(
        (codec.decode(&mut wire).unwrap(), codec.skipped()),
        (None, 0)
    );
}

#[test]
fn of_dialect_v1() {
    let lines = example("## Dialect v1");
    assert_eq!(lines[0].0, "HELLO");
    let frames = [
        Frame::Heartbeat,
        Frame::data("hi"),
        Frame::data(""),
        Frame::request(id(), "hi"),
        Frame::ack(id()),
    ];
    are_shown(Dialect::V1, &lines[1..], &frames);
}

#[test]
fn of_dialect_2019() {
    let lines = example("## Dialect 2019");
    assert!(lines[1].0.starts_with("identity"));
    let frames = [
        Frame::Heartbeat,
        Frame::data("hi"),
        Frame::request(id(), "hi"),
        Frame::ack(id()),
    ];
    are_shown(Dialect::V2019, &lines[2..], &frames);
}

#[test]
fn of_headers() {
    let lines = example("### Extensions: headers");
    let frames = [
        with_headers(None, &[("a", "b")]),
        with_headers(Some(id()), &[("a", "b"), ("c", "")]),
    ];
    are_shown(Dialect::V1, &lines, &frames);
}
