//! Connections of one thread, each of which goes on with what another has written with.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use aiomsg_core::{Dialect, Identity, MessageId, Target};
use bytes::Bytes;
use futures::{FutureExt, SinkExt};
use proptest::prelude::*;
use tokio::io::ReadBuf;

use super::*;

/// Takes so many bytes, and then no more until there is room again. It passes them on when it is
/// flushed.
#[derive(Debug, Clone, Default)]
struct Pipe(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    room: usize,
    /// The most bytes that it takes at once.
    at_once: usize,
    vectored: bool,
    fails: bool,
    /// It does not flush.
    stays: bool,
    taken: Vec<u8>,
    /// How many of them it has passed on.
    flushed: usize,
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        if state.fails {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = bytes.len().min(state.room).min(state.at_once);
        if count == 0 {
            return Poll::Pending;
        }
        state.room -= count;
        state.taken.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut count = 0;
        for slice in slices {
            match self.as_mut().poll_write(cx, slice) {
                Poll::Ready(Ok(more)) if more < slice.len() => {
                    return Poll::Ready(Ok(count + more));
                }
                Poll::Ready(Ok(more)) => count += more,
                other if count == 0 => return other,
                _ => break,
            }
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        if state.stays {
            return Poll::Pending;
        }
        state.flushed = state.taken.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.lock().unwrap().vectored
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A frame of this kind, with a payload of this size.
    Feed(u8, usize),
    /// Room for more bytes, and how many at once.
    Room(usize, usize),
    Flush,
    Stays(bool),
    /// The connection ends, and another one takes its place.
    End(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![
        4 => 0..200_usize,
        1 => 8_000..8_400_usize,
        1 => 20_000..140_000_usize,
    ];
    prop_oneof![
        8 => (0..6_u8, size).prop_map(|(kind, size)| Step::Feed(kind, size)),
        3 => (0..300_usize, 1..200_usize).prop_map(|(room, most)| Step::Room(room, most)),
        2 => (0..300_000_usize, 1000..200_000_usize).prop_map(|(room, most)| Step::Room(room, most)),
        5 => Just(Step::Flush),
        1 => any::<bool>().prop_map(Step::Stays),
        1 => any::<bool>().prop_map(Step::End),
    ]
}

/// One connection, and what it was given.
struct Ours {
    framed: Framed<Pipe>,
    pipe: Pipe,
    dialect: Dialect,
    /// The bytes may stay below until the flush.
    holds: bool,
    given: Vec<Frame>,
    /// A write has failed.
    failed: bool,
}

impl Ours {
    fn new(dialect: Dialect, holds: bool, vectored: bool) -> Self {
        let pipe = Pipe::default();
        {
            let mut state = pipe.0.lock().unwrap();
            state.vectored = vectored;
            state.at_once = 1000;
        }
        Self {
            framed: Framed::new(pipe.clone(), FrameCodec::new(dialect)).buffered_below(holds),
            pipe,
            dialect,
            holds,
            given: Vec::new(),
            failed: false,
        }
    }

    fn feed(&mut self, kind: u8, size: usize) {
        let number = self.given.len();
        let payload = Bytes::from(vec![number as u8; size.max(1)]);
        let id = MessageId::from_bytes([number as u8; MessageId::LEN]);
        let frame = match kind {
            0 => Frame::data(payload),
            1 => Frame::request(id, payload),
            2 => Frame::ack(id),
            3 => Frame::Heartbeat,
            4 => Frame::Data {
                payload,
                target: Target::Peer(Identity::new([number as u8 % 2; 16]).unwrap()),
            },
            _ => Frame::Data {
                payload,
                target: Target::Copy,
            },
        };
        if let Some(fed) = self.framed.feed(frame.clone()).now_or_never() {
            fed.unwrap();
            self.given.push(frame);
        }
    }

    /// Everything that was given was taken, or comes back, in its order.
    fn check(self) {
        let link = self.framed.link();
        drop(self.framed);
        let (unsent, unconfirmed) = (link.take_unsent(), link.take_unconfirmed());
        let state = self.pipe.0.lock().unwrap();
        let whole = |bytes: &[u8]| {
            let (mut codec, mut bytes) = (FrameCodec::new(self.dialect), BytesMut::from(bytes));
            let mut frames = Vec::new();
            while let Some(frame) = codec.decode(&mut bytes).unwrap() {
                frames.push(frame);
            }
            (frames.len(), !bytes.is_empty())
        };
        let (taken, cut) = whole(&state.taken);
        assert_eq!(link.sent(), state.taken.len() as u64);
        let sure = match self.holds {
            true => whole(&state.taken[..state.flushed]).0,
            false => taken,
        };
        let left = [&unconfirmed[..], &unsent[..]].concat();
        assert_eq!(left, self.given[sure..]);
        if !self.holds {
            assert!(unconfirmed.is_empty());
            assert_eq!(link.is_cut(), cut && !unsent.is_empty());
        } else if !self.failed {
            assert_eq!(unconfirmed.len(), taken - sure);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn each_frame_leaves_or_comes_back(
        steps in proptest::collection::vec((0..3_usize, step()), 1..150),
        v2019 in any::<bool>(),
        holds in any::<bool>(),
        vectored in any::<bool>(),
    ) {
        let dialect = match v2019 {
            true => Dialect::V2019,
            false => Dialect::V1,
        };
        let new = || Ours::new(dialect, holds, vectored);
        let mut all = [new(), new(), new()];
        for (at, step) in steps {
            let ours = &mut all[at];
            match step {
                Step::Feed(..) if ours.failed => {}
                Step::Feed(kind, size) => ours.feed(kind, size),
                Step::Room(room, at_once) => {
                    let mut state = ours.pipe.0.lock().unwrap();
                    state.room += room;
                    state.at_once = at_once;
                }
                Step::Flush if ours.failed => {}
                Step::Flush => {
                    if let Some(flushed) = ours.framed.flush().now_or_never() {
                        flushed.unwrap();
                        prop_assert!(ours.framed.out.write.on_way.is_none());
                    }
                }
                Step::Stays(stays) => ours.pipe.0.lock().unwrap().stays = stays,
                Step::End(fails) => {
                    ours.pipe.0.lock().unwrap().fails = fails;
                    if let Some(Err(_)) = ours.framed.flush().now_or_never() {
                        ours.failed = true;
                    }
                    std::mem::replace(ours, new()).check();
                }
            }
        }
        for ours in all {
            ours.check();
        }
    }
}
