//! Frames, however they are cut.

use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use aiomsg_core::{Dialect, Error, Frame, Headers, MessageId, MessageIds, Target};
use aiomsg_transport::codec::{FrameCodec, is_ambiguous};
use aiomsg_transport::framed::Framed;
use bytes::BytesMut;
use futures::{SinkExt, StreamExt};
use tokio_util::codec::{Decoder, Encoder};

use crate::bytes_in_pieces::{Cuts, Pieces};
use crate::memory;

/// Whatever is announced: the buffer that a thread shares (128 KiB), the room
/// that is made ahead (256 KiB), the write buffer (128 KiB), and as much again.
const FIXED: usize = 1 << 20;

/// An empty frame has 4 bytes, and is some 100 as a `Frame` in a `Vec`.
const PER_BYTE: usize = 256;

pub(crate) fn decode(dialect: Dialect, input: &[u8]) {
    let (cuts, wire) = Cuts::take(input);
    memory::bounded(FIXED + PER_BYTE * wire.len(), || {
        let whole = by_codec(dialect, &[wire]);
        let cut = by_codec(dialect, &cuts.of(wire));
        assert_eq!(cut, whole, "the codec, in pieces");
        let visited: [Take; 2] = [
            |codec, src, frames| by_visitor(ControlFlow::Continue(()), codec, src, frames),
            |codec, src, frames| by_visitor(ControlFlow::Break(()), codec, src, frames),
        ];
        for way in visited {
            assert_eq!(by(way, dialect, &[wire]), whole, "the codec, by a visitor");
            let cut = by(way, dialect, &cuts.of(wire));
            assert_eq!(cut, whole, "the codec, by a visitor and in pieces");
        }
        let framed = by_framed(dialect, &cuts, wire);
        assert_eq!(framed, whole, "the framed connection, in pieces");
        written_and_read_again(dialect, &cuts, &whole.frames);

        // The bytes as a payload, which may look like anything.
        let id = MessageId::from_bytes(*b"0123456789abcdef");
        let message = |id, headers| Frame::message(id, Target::Any, headers, wire.to_vec().into());
        let payloads = [
            Frame::data(wire.to_vec()),
            message(None, headers(wire)),
            Frame::request(id, wire.to_vec()),
            message(Some(id), headers(wire)),
        ];
        written_and_read_again(dialect, &cuts, &payloads);
    });
}

/// Headers whose names and values have these bytes, as far as they may.
fn headers(bytes: &[u8]) -> Headers {
    let mut headers = Headers::new();
    for (at, piece) in bytes.chunks(16).take(8).enumerate() {
        let value: String = piece.iter().map(|&it| char::from(it)).collect();
        // Others have control characters.
        let _ = headers.insert(&format!("name-{at}"), &value);
    }
    headers
}

/// What came of a stream.
#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    frames: Vec<Frame>,
    skipped: u64,
    /// What was wrong at its end.
    error: Option<String>,
}

fn codec(dialect: Dialect) -> FrameCodec {
    FrameCodec::new(dialect).ids(MessageIds::with_salt(*b"saltsalt"))
}

/// How frames are taken off a buffer until there are none.
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

fn by_codec(dialect: Dialect, pieces: &[&[u8]]) -> Decoded {
    by(one_by_one, dialect, pieces)
}

fn by(take: Take, dialect: Dialect, pieces: &[&[u8]]) -> Decoded {
    let mut codec = codec(dialect);
    let mut src = BytesMut::new();
    let mut frames = Vec::new();
    let mut all = || -> Result<(), Error> {
        for piece in pieces {
            src.extend_from_slice(piece);
            take(&mut codec, &mut src, &mut frames)?;
        }
        let more = codec.decode_eof(&mut src)?;
        assert_eq!(more, None, "the end makes no frame");
        Ok(())
    };
    let error = all().err().map(|error| error.to_string());
    let skipped = codec.skipped();
    Decoded {
        frames,
        skipped,
        error,
    }
}

fn by_framed(dialect: Dialect, cuts: &Cuts, wire: &[u8]) -> Decoded {
    let mut framed = Framed::new(Pieces::new(cuts, wire), codec(dialect));
    let (mut frames, mut error) = (Vec::new(), None);
    let ended = poll_while_woken(async {
        while let Some(next) = framed.next().await {
            assert_eq!(error, None, "nothing comes behind an error");
            match next {
                Ok(frame) => frames.push(frame),
                Err(wrong) => error = Some(wrong.to_string()),
            }
        }
    });
    assert!(ended, "it waits for nothing");
    let skipped = framed.codec().skipped();
    Decoded {
        frames,
        skipped,
        error,
    }
}

/// decode(encode(x)) is x, and both ways to encode give the same bytes.
fn written_and_read_again(dialect: Dialect, cuts: &Cuts, frames: &[Frame]) {
    let mut by_codec = BytesMut::new();
    let mut ends = Vec::new();
    let mut encoder = codec(dialect);
    for frame in frames {
        encoder.encode(frame.clone(), &mut by_codec).unwrap();
        ends.push(by_codec.len());
    }

    let write = |takes: usize| {
        let mut io = Pieces::new(cuts, &[]);
        io.takes = takes;
        let mut framed = Framed::new(io, codec(dialect));
        let sent = async {
            for frame in frames {
                framed.feed(frame.clone()).await.unwrap();
            }
            framed.flush().await.unwrap();
        };
        (poll_while_woken(sent), framed)
    };
    let (done, framed) = write(usize::MAX);
    assert!(done, "all of it is taken");
    assert_eq!(framed.get_ref().written, by_codec);

    let read = self::by_codec(dialect, &[&by_codec]);
    assert_eq!((read.error, read.skipped), (None, 0));
    assert_eq!(read.frames.len(), frames.len());
    for (read, frame) in read.frames.iter().zip(frames) {
        match frame {
            Frame::Data { payload, .. } if dialect == Dialect::V2019 && is_ambiguous(payload) => {
                assert!(matches!(read, Frame::Request { .. }));
                assert_eq!(read.payload(), Some(payload));
            }
            // The dialect has no headers.
            Frame::WithHeaders(message) if dialect == Dialect::V2019 => {
                assert_eq!(read.payload(), Some(&message.payload));
                let asks = message.id.is_some() || is_ambiguous(&message.payload);
                assert_eq!(matches!(read, Frame::Request { .. }), asks);
            }
            _ => assert_eq!(read, frame),
        }
    }

    // A peer that takes half of it and no more: what did not leave whole comes
    // back, in order.
    let half = by_codec.len() / 2;
    let (done, framed) = write(half);
    if done {
        assert!(by_codec.is_empty());
        return;
    }
    let link = framed.link();
    let given = ends.partition_point(|&end| end <= half);
    drop(framed);
    let unsent = link.take_unsent();
    let from = &frames[given..];
    assert_eq!(unsent, from[..unsent.len()]);
    assert!(!unsent.is_empty() || from.is_empty());
}

/// Polls for as long as it is woken. Whether it was done then.
fn poll_while_woken(future: impl Future<Output = ()>) -> bool {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    while woken.0.swap(false, Ordering::Relaxed) {
        if future.as_mut().poll(&mut cx).is_ready() {
            return true;
        }
    }
    false
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
