//! In batches, a connection carries what it carries frame by frame.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::ControlFlow;

use aiomsg_core::{
    Connection, Dialect, FrameSource, FrameVisitor, Identity, MessageId, MessageIds, Target,
};
use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;

fn framed(io: DuplexStream, dialect: Dialect) -> Framed<DuplexStream> {
    // The ids of what is ambiguous in the 2019 dialect are random otherwise.
    Framed::new(
        io,
        FrameCodec::new(dialect).ids(MessageIds::with_salt([0; 8])),
    )
}

struct Seen {
    frames: Vec<Frame>,
    most: usize,
}

impl FrameVisitor for Seen {
    fn visit(&mut self, frame: Frame) -> ControlFlow<()> {
        self.frames.push(frame);
        match self.frames.len() < self.most {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

struct Frames(VecDeque<Frame>);

impl FrameSource for Frames {
    fn feed<V: FrameVisitor>(&mut self, visitor: &mut V) -> ControlFlow<()> {
        while let Some(frame) = self.0.pop_front() {
            visitor.visit(frame)?;
        }
        ControlFlow::Continue(())
    }
}

fn all_kinds() -> Vec<Frame> {
    let id = MessageId::from_bytes([7; 16]);
    let data = |len: usize, target| Frame::Data {
        payload: Bytes::from(vec![9; len]),
        target,
    };
    vec![
        Frame::Heartbeat,
        data(64, Target::Any),
        data(1, Target::Copy),
        data(9000, Target::Any),
        data(70, Target::Peer(Identity::from([1; 16]))),
        Frame::request(id, "asks"),
        Frame::ack(id),
        data(100_000, Target::Copy),
        data(0, Target::Any),
        data(2, Target::Any),
    ]
}

/// The same bytes out, and the same frames in, by either way at either end.
#[tokio::test]
async fn both_ways_carry_the_same() {
    for dialect in [Dialect::V1, Dialect::V2019] {
        let mut seen = Vec::new();
        for batches in [false, true] {
            let (ours, mut theirs) = tokio::io::duplex(1 << 20);
            let mut ours = framed(ours, dialect);
            let mut frames = Frames(all_kinds().into());
            match batches {
                true => poll_fn(|cx| ours.poll_send(cx, &mut frames)).await.unwrap(),
                false => {
                    for frame in frames.0.drain(..) {
                        ours.feed(frame).await.unwrap();
                    }
                }
            }
            ours.close().await.unwrap();
            let mut bytes = Vec::new();
            theirs.read_to_end(&mut bytes).await.unwrap();

            let (mut raw, reader) = tokio::io::duplex(1 << 20);
            raw.write_all(&bytes).await.unwrap();
            drop(raw);
            let mut reader = framed(reader, dialect);
            let mut read = Seen {
                frames: Vec::new(),
                most: usize::MAX,
            };
            match batches {
                true => assert!(
                    poll_fn(|cx| reader.poll_recv(cx, &mut read))
                        .await
                        .is_none()
                ),
                false => read.frames = reader.map(Result::unwrap).collect().await,
            }
            seen.push((bytes.len(), read.frames));
        }
        // Not shown: they are long.
        assert!(seen[0] == seen[1]);
        assert_eq!(seen[0].1.len(), all_kinds().len());
    }
}

#[tokio::test]
async fn a_visitor_stops_where_it_wants_and_goes_on_from_there() {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (mut ours, mut theirs) = (framed(ours, Dialect::V1), framed(theirs, Dialect::V1));
    for n in 0..5 {
        ours.feed(Frame::data(n.to_string())).await.unwrap();
    }
    ours.flush().await.unwrap();
    let mut seen = Seen {
        frames: Vec::new(),
        most: 2,
    };
    for most in [2, 3] {
        seen.most = most;
        let read = poll_fn(|cx| theirs.poll_recv(cx, &mut seen)).await;
        assert!(matches!(read, Some(Ok(()))));
        assert_eq!(seen.frames.len(), most);
    }
    assert_eq!(theirs.next().await.unwrap().unwrap(), Frame::data("3"));
    seen.most = 9;
    let read = poll_fn(|cx| theirs.poll_recv(cx, &mut seen));
    assert!(read.now_or_never().is_none());
    assert_eq!(seen.frames[3], Frame::data("4"));
}

#[tokio::test]
async fn what_was_good_before_an_error_is_handed_over() {
    let (mut raw, theirs) = tokio::io::duplex(1024);
    let mut theirs = framed(theirs, Dialect::V1);
    raw.write_all(b"\0\0\0\x03\x03hi\0\0\0\0").await.unwrap();
    let mut seen = Seen {
        frames: Vec::new(),
        most: 9,
    };
    let read = poll_fn(|cx| theirs.poll_recv(cx, &mut seen)).await;
    let error = read.unwrap().unwrap_err();
    assert!(error.to_string().contains("without a type byte"), "{error}");
    assert_eq!(seen.frames, [Frame::data("hi")]);
    let after = poll_fn(|cx| theirs.poll_recv(cx, &mut seen)).await;
    assert!(after.is_none(), "after an error the stream ends");
}

#[tokio::test]
async fn no_frame_is_asked_for_that_has_no_room() {
    let (ours, theirs) = tokio::io::duplex(100);
    let mut ours = framed(ours, Dialect::V1);
    let frames = (0..10_000).map(|n: u32| Frame::data(format!("{n:0>59}")));
    let mut frames = Frames(frames.collect());
    let sent = poll_fn(|cx| ours.poll_send(cx, &mut frames));
    assert!(sent.now_or_never().is_none());
    let (given, link) = (10_000 - frames.0.len(), ours.link());
    // 128 KiB are gathered, and then a write is tried.
    assert!((2048..2055).contains(&given), "{given}");
    drop(ours);
    assert_eq!(
        link.take_unsent().len(),
        given - 1,
        "64 bytes of 100 are a frame"
    );
    drop(theirs);

    // One that is too large is an error, and those before it are there.
    let (ours, theirs) = tokio::io::duplex(1 << 10);
    let codec = FrameCodec::new(Dialect::V1).max_message(3);
    let (mut ours, mut theirs) = (Framed::new(ours, codec), framed(theirs, Dialect::V1));
    let mut frames = Frames(["1", "large", "3"].map(Frame::data).into());
    let error = poll_fn(|cx| ours.poll_send(cx, &mut frames)).await;
    assert!(error.unwrap_err().is_too_large());
    assert_eq!(frames.0.len(), 1);
    ours.flush().await.unwrap();
    assert_eq!(theirs.next().await.unwrap().unwrap(), Frame::data("1"));
}
