use super::*;
use aiomsg_core::{Dialect, Identity, MessageId, Target};
use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(super) fn pair(capacity: usize, dialect: Dialect) -> [Framed<tokio::io::DuplexStream>; 2] {
    let (a, b) = tokio::io::duplex(capacity);
    [a, b].map(|io| Framed::new(io, FrameCodec::new(dialect)))
}

#[tokio::test]
async fn payloads_of_all_sizes_cross_in_order() {
    for dialect in [Dialect::V1, Dialect::V2019] {
        let [mut ours, mut theirs] = pair(10_000, dialect);
        let sizes = [
            1,
            64,
            COPY_EDGE - 1,
            COPY_EDGE,
            COPY_EDGE + 1,
            70_000,
            1 << 20,
            5,
        ];
        let payloads = sizes.map(|size| Bytes::from(vec![size as u8; size]));
        let sent = payloads.clone();
        let send = async move {
            for payload in sent {
                ours.feed(Frame::data(payload)).await.unwrap();
            }
            ours.flush().await.unwrap();
            ours
        };
        let receive = async {
            for payload in &payloads {
                let frame = theirs.next().await.unwrap().unwrap();
                assert_eq!(frame.payload(), Some(payload));
            }
        };
        let (ours, ()) = tokio::join!(send, receive);
        assert_eq!(ours.link().waiting(), 0);
        assert_eq!(ours.link().sent(), theirs.link().received());
    }
}

const COPY_EDGE: usize = 8 << 10;

/// The link tells of whole frames, and not of a part of one.
#[tokio::test]
async fn whole_frames_show_in_the_link_and_parts_do_not() {
    let (mut ours, theirs) = tokio::io::duplex(1 << 20);
    let mut theirs = Framed::new(theirs, FrameCodec::new(Dialect::V1));
    let link = theirs.link();
    let frame = [&b"\0\0\x9c\x41\x03"[..], &[7; 40_000]].concat();
    for piece in frame.chunks(10_000) {
        assert_eq!(link.frames(), 0);
        ours.write_all(piece).await.unwrap();
        if theirs.next().now_or_never().is_some() {
            break;
        }
    }
    assert!(theirs.next().now_or_never().is_none());
    assert_eq!(link.frames(), 1);
    ours.write_all(b"\0\0\0\x01\x02\0\0\0\x01\x02\0\0")
        .await
        .unwrap();
    while theirs.next().now_or_never().is_some() {}
    assert_eq!(link.frames(), 2, "both came at once");
    ours.write_all(b"\0\x01").await.unwrap();
    assert!(theirs.next().now_or_never().is_none());
    assert_eq!(link.frames(), 2);
}

/// A frame of which some bytes were taken was not received, and comes back
/// with those behind it; one that was taken whole does not.
#[tokio::test]
async fn frames_that_never_left_come_back_whole() {
    let [mut ours, theirs] = pair(100, Dialect::V1);
    for size in [45, 45, 10_000, 3] {
        ours.feed(Frame::data(vec![0; size])).await.unwrap();
    }
    assert!(ours.flush().now_or_never().is_none(), "100 bytes fit");
    let link = ours.link();
    assert_eq!((link.sent(), link.waiting()), (100, 10_061 + 50 - 100 + 2));
    drop(ours);
    let sizes: Vec<_> = link
        .take_unsent()
        .iter()
        .map(|frame| frame.payload().unwrap().len())
        .collect();
    assert_eq!(sizes, [10_000, 3], "of the third frame a few bytes left");
    drop(theirs);
}

/// They are not kept, but made again from their bytes.
#[tokio::test]
async fn requests_and_acknowledgements_that_never_left_come_back_with_their_ids() {
    let id = |n| MessageId::from_bytes([n; MessageId::LEN]);
    for dialect in [Dialect::V1, Dialect::V2019] {
        let [mut ours, _theirs] = pair(50, dialect);
        let frames = [
            Frame::data(vec![0; 30]),
            Frame::request(id(1), "of which a part left"),
            Frame::ack(id(2)),
            Frame::request(id(3), ""),
            Frame::request(id(4), vec![4; 10_000]),
            Frame::Heartbeat,
            Frame::ack(id(5)),
        ];
        for frame in &frames {
            ours.feed(frame.clone()).await.unwrap();
        }
        assert!(ours.flush().now_or_never().is_none(), "50 bytes fit");
        let link = ours.link();
        drop(ours);
        assert_eq!(link.take_unsent(), frames[1..]);
        assert!(link.is_cut());
    }
}

#[tokio::test]
async fn an_idle_connection_holds_no_buffer() {
    let [mut ours, mut theirs] = pair(1 << 20, Dialect::V1);
    for _ in 0..1000 {
        ours.feed(Frame::data(vec![0; 100])).await.unwrap();
    }
    ours.flush().await.unwrap();
    for _ in 0..1000 {
        theirs.next().await.unwrap().unwrap();
    }
    assert!(theirs.next().now_or_never().is_none());
    assert_eq!(theirs.read.bytes.capacity(), 0);
    assert!(ours.out.write.on_way.is_none());
}

/// Pitfall 4, at this level: memory follows what has come, not what was
/// announced.
#[tokio::test]
async fn an_announced_frame_costs_little_until_it_comes() {
    let (mut raw, theirs) = tokio::io::duplex(1024);
    let mut theirs = Framed::new(theirs, FrameCodec::new(Dialect::V1));
    raw.write_all(b"\x03\xff\xff\xff\x03some").await.unwrap();
    assert!(theirs.next().now_or_never().is_none());
    assert!(theirs.read.bytes.capacity() <= 1 << 20);
}

/// Pitfall 3: frames behind the handshake were stuck or lost.
#[tokio::test]
async fn bytes_behind_the_handshake_are_frames() {
    let (_raw, theirs) = tokio::io::duplex(1024);
    let received = BytesMut::from(&b"\0\0\0\x02\x03a\0\0\0\x02\x03b"[..]);
    let mut theirs = Framed::with_received(theirs, FrameCodec::new(Dialect::V1), received);
    assert_eq!(theirs.next().await.unwrap().unwrap(), Frame::data("a"));
    assert_eq!(theirs.next().await.unwrap().unwrap(), Frame::data("b"));
}

#[tokio::test]
async fn an_error_ends_the_stream() {
    let (mut raw, theirs) = tokio::io::duplex(1024);
    let mut theirs = Framed::new(theirs, FrameCodec::new(Dialect::V1));
    raw.write_all(b"\xff\xff\xff\xff").await.unwrap();
    assert!(theirs.next().await.unwrap().unwrap_err().is_too_large());
    assert!(theirs.next().await.is_none());
}

#[tokio::test]
async fn the_end_within_a_frame_is_an_error_and_between_frames_is_not() {
    for (bytes, clean) in [(&b"\0\0\0\x01\x02"[..], true), (b"\0\0\0\x09\x03a", false)] {
        let (mut raw, theirs) = tokio::io::duplex(1024);
        let mut theirs = Framed::new(theirs, FrameCodec::new(Dialect::V1));
        raw.write_all(bytes).await.unwrap();
        drop(raw);
        if clean {
            assert_eq!(theirs.next().await.unwrap().unwrap(), Frame::Heartbeat);
        } else {
            assert!(theirs.next().await.unwrap().unwrap_err().is_disconnected());
        }
        assert!(theirs.next().await.is_none());
    }
}

/// The bytes of a session, one by one, as a peer in another language sees
/// them.
#[tokio::test]
async fn the_wire_byte_for_byte() {
    let id = MessageId::from_bytes(*b"0123456789abcdef");
    for (dialect, wire) in [
        (
            Dialect::V1,
            &b"\0\0\0\x03\x03hi\0\0\0\x01\x02\0\0\0\x13\x040123456789abcdefhi\0\0\0\x11\x050123456789abcdef"[..],
        ),
        (
            Dialect::V2019,
            b"\0\0\0\x02hi\0\0\0\x10aiomsg-heartbeat\0\0\0\x170123456789abcdef\0REQ\0hi\0\0\0\x150123456789abcdef\0REP\0",
        ),
    ] {
        let (mut raw, ours) = tokio::io::duplex(1024);
        let mut ours = Framed::new(ours, FrameCodec::new(dialect));
        for frame in [
            Frame::data("hi"),
            Frame::Heartbeat,
            Frame::request(id, "hi"),
            Frame::ack(id),
        ] {
            ours.feed(frame).await.unwrap();
        }
        ours.close().await.unwrap();
        drop(ours);
        let mut got = Vec::new();
        raw.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, wire);
    }
}

/// A buffer from which everything was split off is freed, so that a silent peer
/// does not pin the memory of the last message.
#[tokio::test]
async fn an_idle_connection_does_not_pin_its_last_message() {
    let [mut ours, mut theirs] = pair(1 << 20, Dialect::V1);
    let (sent, frame) = tokio::join!(ours.send(Frame::data(vec![0; 4 << 20])), theirs.next());
    sent.unwrap();
    let frame = frame.unwrap().unwrap();
    assert!(theirs.next().now_or_never().is_none());
    let Frame::Data { payload, .. } = frame else {
        panic!("what was sent is data");
    };
    assert!(payload.is_unique(), "nobody else holds on to the buffer");
}

/// Over TLS, what was taken and not flushed may have left or not: it is told
/// apart from what never left.
#[tokio::test]
async fn frames_that_were_taken_and_not_flushed_are_unconfirmed() {
    let (ours, _theirs) = tokio::io::duplex(100);
    // As TLS does, this takes more than it passes on.
    let ours = tokio::io::BufWriter::with_capacity(1000, ours);
    let codec = FrameCodec::new(Dialect::V1);
    let mut ours = Framed::new(ours, codec).buffered_below(true);
    for size in [45, 45, 600, 10_000] {
        ours.feed(Frame::data(vec![0; size])).await.unwrap();
    }
    assert!(ours.flush().now_or_never().is_none());
    let link = ours.link();
    drop(ours);
    let sizes = |frames: Vec<Frame>| -> Vec<usize> {
        let payloads = frames.iter().filter_map(Frame::payload);
        payloads.map(Bytes::len).collect()
    };
    let (unconfirmed, unsent) = (sizes(link.take_unconfirmed()), sizes(link.take_unsent()));
    assert_eq!(
        [unconfirmed.clone(), unsent].concat(),
        [45, 45, 600, 10_000]
    );
    assert!(!unconfirmed.is_empty());
}

/// Takes bytes ahead of what it passes on, as TLS does, and passes on as much as a
/// test says.
#[derive(Default)]
struct Ahead {
    held: usize,
}

impl Ahead {
    const ROOM: usize = 64 << 10;
}

impl AsyncWrite for Ahead {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match buf.len().min(Self::ROOM - self.held) {
            0 => Poll::Pending,
            taken => {
                self.held += taken;
                Poll::Ready(Ok(taken))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.held {
            0 => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// A peer on TLS that always had something waiting for it was never flushed, and
/// each message that it was sent was remembered until then.
#[tokio::test]
async fn what_is_remembered_until_a_flush_is_bounded() {
    for size in [100, 1000, 20_000] {
        let codec = FrameCodec::new(Dialect::V1);
        let mut ours = Framed::new(Ahead::default(), codec).buffered_below(true);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let (mut sent, mut most) = (0, 0);
        for _ in 0..20_000 {
            while Pin::new(&mut ours).poll_ready(&mut cx).is_ready() {
                let frame = Frame::data(vec![0; size]);
                Pin::new(&mut ours).start_send(frame).unwrap();
                sent += 1;
            }
            let _ = Pin::new(&mut ours).poll_flush(&mut cx);
            ours.io.held = ours.io.held.saturating_sub(1 << 10);
            most = most.max(ours.out.write.unflushed());
        }
        assert!(sent * size > 10 << 20, "{sent} messages of {size} bytes");
        assert!(most <= (128 << 10) + size + 5, "{most} bytes");
    }
}

mod splits {
    use super::*;
    use proptest::prelude::*;
    use tokio_util::codec::Encoder;

    /// Sizes on both sides of what is copied, and of what is read at once.
    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let id = any::<[u8; 16]>().prop_map(MessageId::from_bytes);
        let size = prop_oneof![
            0..100usize,
            COPY_EDGE - 2..COPY_EDGE + 3,
            (64 << 10) - 10..(64 << 10) + 10usize,
            100_000..200_000usize,
        ];
        let payload = (any::<u8>(), size).prop_map(|(byte, size)| vec![byte; size]);
        let frame = prop_oneof![
            Just(Frame::Heartbeat),
            payload.clone().prop_map(Frame::data),
            (id.clone(), payload).prop_map(|(id, payload)| Frame::request(id, payload)),
            id.prop_map(Frame::ack),
        ];
        proptest::collection::vec(frame, 0..8)
    }

    fn cuts() -> impl Strategy<Value = Vec<usize>> {
        let size = prop_oneof![1..10usize, 1_000..200_000usize];
        proptest::collection::vec(size, 1..20)
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.build().unwrap().block_on(future)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What is written is what the codec writes, and read again in whatever
        /// pieces it comes.
        #[test]
        fn any_split_is_written_and_read_the_same(
            frames in frames(),
            cuts in cuts(),
            under_way in prop_oneof![1..10usize, 100..100_000usize],
            v1 in any::<bool>(),
        ) {
            let dialect = if v1 { Dialect::V1 } else { Dialect::V2019 };
            let ids = aiomsg_core::MessageIds::with_salt(*b"saltsalt");
            let codec = FrameCodec::new(dialect).ids(ids);
            let mut wire = BytesMut::new();
            let mut encoder = codec.clone();
            for frame in &frames {
                encoder.encode(frame.clone(), &mut wire).unwrap();
            }
            // So few at a time are for short streams.
            let under_way = under_way.max(wire.len() / 1_000);

            let written = run(async {
                let (ours, mut raw) = tokio::io::duplex(under_way);
                let mut ours = Framed::new(ours, codec.clone());
                let write = async {
                    for frame in &frames {
                        ours.feed(frame.clone()).await.unwrap();
                    }
                    ours.close().await.unwrap();
                    ours.link()
                };
                let mut written = Vec::new();
                let (link, read) = tokio::join!(write, raw.read_to_end(&mut written));
                read.unwrap();
                assert!(link.take_unsent().is_empty());
                assert_eq!(link.sent(), written.len() as u64);
                written
            });
            prop_assert!(written == wire, "{} bytes", written.len());

            let read = run(async {
                let (mut raw, theirs) = tokio::io::duplex(under_way);
                let write = async move {
                    let mut rest = &written[..];
                    for cut in cuts.iter().map(|cut| *cut.max(&(wire.len() / 1_000))).cycle() {
                        let (piece, more) = rest.split_at(cut.min(rest.len()));
                        raw.write_all(piece).await.unwrap();
                        tokio::task::yield_now().await;
                        rest = more;
                        if rest.is_empty() {
                            break;
                        }
                    }
                };
                let mut theirs = Framed::new(theirs, codec);
                let read = async {
                    let mut read = Vec::new();
                    while let Some(frame) = theirs.next().await {
                        read.push(frame.unwrap());
                    }
                    read
                };
                tokio::join!(write, read).1
            });
            prop_assert_eq!(read.len(), frames.len());
            for (read, sent) in read.iter().zip(&frames) {
                match sent.payload() {
                    Some(payload) if !v1 && crate::codec::is_ambiguous(payload) => {
                        let is_request = matches!(read, Frame::Request { .. });
                        prop_assert!(is_request);
                        prop_assert_eq!(read.payload(), sent.payload());
                    }
                    _ => prop_assert!(read == sent),
                }
            }
        }

        /// Whatever had left when a connection ends: what comes back are the frames
        /// behind it, as they were given.
        #[test]
        fn what_never_left_comes_back_as_it_was(
            frames in frames(),
            targets in proptest::collection::vec(target(), 8),
            room in prop_oneof![1..200usize, 8_000..300_000usize],
            reads in proptest::collection::vec(1..20_000usize, 0..8),
            flush_after in 0..8usize,
            below in any::<bool>(),
            v1 in any::<bool>(),
        ) {
            let mut frames = frames;
            for (frame, to) in frames.iter_mut().zip(targets) {
                if let Frame::Data { target, .. } = frame {
                    *target = to;
                }
            }
            let dialect = if v1 { Dialect::V1 } else { Dialect::V2019 };
            let codec = FrameCodec::new(dialect);
            let mut ends = Vec::new();
            let mut wire = BytesMut::new();
            let mut encoder = codec.clone();
            for frame in &frames {
                encoder.encode(frame.clone(), &mut wire).unwrap();
                ends.push(wire.len() as u64);
            }
            let (ours, mut raw) = tokio::io::duplex(room);
            let mut ours = Framed::new(ours, codec).buffered_below(below);
            for (nth, frame) in frames.iter().enumerate() {
                // Also into a buffer of which a part is written.
                if nth >= flush_after {
                    let _ = ours.flush().now_or_never();
                    if let Some(&read) = reads.get(nth) {
                        let _ = raw.read(&mut vec![0; read]).now_or_never();
                    }
                }
                let mut ours = Pin::new(&mut ours);
                ours.as_mut().start_send(frame.clone()).unwrap();
            }
            let _ = ours.flush().now_or_never();
            for read in reads {
                let _ = raw.read(&mut vec![0; read]).now_or_never();
                let _ = ours.flush().now_or_never();
            }
            let link = ours.link();
            drop(ours);

            let sent = link.sent();
            let left = ends.iter().filter(|&&end| end <= sent).count();
            let unsent = link.take_unsent();
            prop_assert!(unsent == frames[left..], "{} of {}", unsent.len(), frames.len());
        }
    }

    fn target() -> impl Strategy<Value = Target> {
        prop_oneof![
            Just(Target::Any),
            Just(Target::Copy),
            Just(Target::Connection),
            Just(Target::Peer(Identity::new("somebody").unwrap())),
            Just(Target::Peer(Identity::new("somebody else").unwrap())),
        ]
    }
}
