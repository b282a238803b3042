//! The session of a connection with its layers, over bytes in memory: in batches, with a
//! layer of a user's own, and frame by frame.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use aiomsg::Error;
use aiomsg::builder::Dialect;
use aiomsg::layer::Queue;
use aiomsg::layer::{AcknowledgeLayer, HeartbeatLayer};
use aiomsg::layer::{Connection, Frame, FrameHook};
use aiomsg::layer::{HookLayer, OneByOne};
use aiomsg::parts::layers::session::{Inbox, Session};
use aiomsg::parts::transport::codec::FrameCodec;
use aiomsg::parts::transport::framed::Framed;
use aiomsg::{Delivery, Identity, Limits, Outbound};
use bytes::Bytes;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower::{Layer, ServiceBuilder};

/// As many as a task sends or receives in one turn.
const BATCH: usize = 1024;

const PAYLOAD: &[u8] = &[0; 64];

const LIMITS: Limits = Limits {
    items: 8192,
    bytes: 1 << 20,
};

/// Has these bytes again and again, and takes all that it is given.
struct Memory {
    bytes: Vec<u8>,
    read: usize,
}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.bytes.is_empty() {
            return Poll::Pending;
        }
        let len = buffer.remaining().min(self.bytes.len() - self.read);
        buffer.put_slice(&self.bytes[self.read..][..len]);
        self.read = (self.read + len) % self.bytes.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(black_box(bytes).len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn framed(frames: usize) -> Framed<Memory> {
    let mut frame = (PAYLOAD.len() as u32 + 1).to_be_bytes().to_vec();
    frame.push(3);
    frame.extend_from_slice(PAYLOAD);
    let memory = Memory {
        bytes: frame.repeat(frames),
        read: 0,
    };
    Framed::new(memory, FrameCodec::new(Dialect::V1))
}

fn session(
    connection: impl Connection,
    queue: &Queue<Outbound>,
    inbox: &Queue<Delivery>,
) -> Session<impl Connection, Inbox> {
    let connection = ServiceBuilder::new()
        .layer(HeartbeatLayer::new())
        .layer(AcknowledgeLayer::new())
        .service(connection);
    let inbox = Inbox::new(inbox.clone());
    Session::new(Identity::random(), connection, queue.clone(), inbox)
}

fn receive(bencher: Bencher<'_, '_>, connection: impl Connection) {
    let clock = clock();
    let _entered = clock.enter();
    let (queue, inbox) = (Queue::new(LIMITS), Queue::new(LIMITS));
    let mut session = session(connection, &queue, &inbox);
    let mut running = pin!(session.run(std::future::pending()));
    let mut cx = Context::from_waker(Waker::noop());
    let mut received = Vec::new();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        while received.len() < BATCH {
            assert!(running.as_mut().poll(&mut cx).is_pending());
            let _ = inbox.poll_pop_all(&mut cx, &mut received, BATCH);
        }
        received.clear();
    });
}

fn send(bencher: Bencher<'_, '_>, connection: impl Connection) {
    let clock = clock();
    let _entered = clock.enter();
    let (queue, inbox) = (Queue::new(LIMITS), Queue::new(LIMITS));
    let mut session = session(connection, &queue, &inbox);
    let mut running = pin!(session.run(std::future::pending()));
    let mut cx = Context::from_waker(Waker::noop());
    let payload = Bytes::from_static(PAYLOAD);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            let pushed = queue.try_push(Outbound::new(payload.clone()));
            assert!(pushed.is_ok(), "there is room");
        }
        assert!(running.as_mut().poll(&mut cx).is_pending());
        assert!(queue.is_empty());
    });
}

/// The clock that heartbeats need.
fn clock() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().expect("there is a clock")
}

/// Counts frames, as the layer of a user's does in docs/layers.md.
#[derive(Clone, Default)]
struct Tally {
    total: Arc<AtomicU64>,
    new: u64,
}

impl FrameHook for Tally {
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        self.new += 1;
        Some(frame)
    }

    fn leaving(&mut self, frame: Frame) -> Option<Frame> {
        self.new += 1;
        Some(frame)
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.total.fetch_add(std::mem::take(&mut self.new), Relaxed);
        Ok(())
    }
}

fn tallied(frames: usize) -> impl Connection {
    HookLayer::new(Tally::default()).layer(framed(frames))
}

#[divan::bench]
fn receive_in_batches(bencher: Bencher<'_, '_>) {
    receive(bencher, framed(BATCH));
}

#[divan::bench]
fn receive_with_a_tally(bencher: Bencher<'_, '_>) {
    receive(bencher, tallied(BATCH));
}

#[divan::bench]
fn receive_one_by_one(bencher: Bencher<'_, '_>) {
    receive(bencher, OneByOne::new(framed(BATCH)));
}

#[divan::bench]
fn send_in_batches(bencher: Bencher<'_, '_>) {
    send(bencher, framed(0));
}

#[divan::bench]
fn send_with_a_tally(bencher: Bencher<'_, '_>) {
    send(bencher, tallied(0));
}

#[divan::bench]
fn send_one_by_one(bencher: Bencher<'_, '_>) {
    send(bencher, OneByOne::new(framed(0)));
}
