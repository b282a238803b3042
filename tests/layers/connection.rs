//! Around each connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use super::*;
use aiomsg::layer::{Connection, Frame};
use aiomsg::layer::{OneByOne, SinkStream};
use aiomsg::{DeliveryGuarantee, Error};
use futures::{Sink, SinkExt, Stream, StreamExt};
use tower::layer::layer_fn;

/// Counts frames in both directions, and scrambles payloads. It is a sink and a stream, as
/// those of others are.
struct Scrambled<C> {
    inner: C,
    frames: Arc<AtomicU64>,
}

fn scrambled(frame: Frame) -> Frame {
    let scramble = |payload: &[u8]| payload.iter().map(|byte| byte ^ 0x5a).collect::<Vec<_>>();
    match frame {
        Frame::Data { payload, target } => Frame::Data {
            payload: scramble(&payload).into(),
            target,
        },
        Frame::Request { id, payload } => Frame::request(id, scramble(&payload)),
        other => other,
    }
}

impl<C: SinkStream> Stream for Scrambled<C> {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.inner.poll_next_unpin(cx);
        item.map(|item| {
            self.frames.fetch_add(1, Relaxed);
            Some(item?.map(scrambled))
        })
    }
}

impl<C: SinkStream> Sink<Frame> for Scrambled<C> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready_unpin(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        self.frames.fetch_add(1, Relaxed);
        self.inner.start_send_unpin(scrambled(frame))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_close_unpin(cx)
    }
}

fn socket(frames: &Arc<AtomicU64>) -> Socket {
    let frames = Arc::clone(frames);
    Socket::builder()
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        .connection_layer(layer_fn(move |inner| {
            OneByOne::new(Scrambled {
                inner,
                frames: Arc::clone(&frames),
            })
        }))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_layer_of_ones_own_sees_every_frame() {
    let (ours, theirs) = (Arc::default(), Arc::default());
    let (a, b) = (socket(&ours), socket(&theirs));
    b.connect(a.bind("127.0.0.1:0").await.unwrap()).unwrap();
    for n in 0..100 {
        a.send(n.to_string()).await.unwrap();
    }
    for n in 0..100 {
        assert_eq!(
            within("a message", b.recv_text()).await.unwrap(),
            n.to_string()
        );
    }
    assert!(a.close(Duration::from_secs(10)).await.is_clean());
    // Each message and its acknowledgement, at both ends.
    assert!(ours.load(Relaxed) >= 200, "{ours:?}");
    assert!(theirs.load(Relaxed) >= 200, "{theirs:?}");
}

/// What the layers do is done on the wire: without it the other end sees what
/// was sent.
#[tokio::test]
async fn the_wire_carries_what_the_layer_made() {
    let a = socket(&Arc::default());
    let plain = Socket::new().unwrap();
    plain.connect(a.bind("127.0.0.1:0").await.unwrap()).unwrap();
    a.send("hello").await.unwrap();
    let got = within("a message", plain.recv()).await.unwrap();
    assert_eq!(got, b"hello".map(|byte| byte ^ 0x5a)[..]);
}

/// A layer that gives the connection back as it is has still been asked.
#[tokio::test]
async fn a_layer_that_only_looks_is_asked_as_well() {
    fn looks<C: Connection>(seen: &Arc<AtomicU64>, connection: C) -> C {
        seen.fetch_add(1, Relaxed);
        connection
    }
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let a = Socket::builder()
        .connection_layer(layer_fn(move |connection| looks(&counter, connection)))
        .build()
        .unwrap();
    let b = Socket::new().unwrap();
    b.connect(a.bind("127.0.0.1:0").await.unwrap()).unwrap();
    a.send("hello").await.unwrap();
    within("a message", b.recv()).await.unwrap();
    assert_eq!(seen.load(Relaxed), 1);
}

/// A panic in a layer at the end that dials also ended the task that would
/// connect again.
#[tokio::test]
async fn a_layer_that_panics_ends_its_connection_and_no_more() {
    fn panics_once<C: Connection>(before: &AtomicU64, connection: C) -> C {
        assert!(before.fetch_add(1, Relaxed) > 0, "as we want");
        connection
    }
    let before = AtomicU64::new(0);
    let a = Socket::builder()
        .reconnect_delay(|_| Duration::from_millis(20))
        .connection_layer(layer_fn(move |connection| panics_once(&before, connection)))
        .build()
        .unwrap();
    let mut events = a.events();
    let b = Socket::new().unwrap();
    a.connect(b.bind("127.0.0.1:0").await.unwrap()).unwrap();
    let reason = event(&mut events, "its end", |event| match event {
        Event::PeerDown { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert!(reason.to_string().contains("a layer panicked"), "{reason}");
    a.send("hello").await.unwrap();
    assert_eq!(within("a message", b.recv()).await.unwrap(), "hello");
}
