//! Hooks on each connection: the layers of docs/layers.md, at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use super::*;
use aiomsg::ErrorKind;
use aiomsg::layer::{ArrivingFn, HookLayer, LeavingFn, arriving_fn, leaving_fn};
use aiomsg::layer::{Connection, Frame, FrameHook, FrameSource, FrameVisitor, Identified};
use aiomsg::message::Target;
use aiomsg::{DeliveryGuarantee, Error, Identity};
use tokio::time::Instant;
use tower::layer::layer_fn;

/// Counts the frames that arrive.
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

    fn settle(&mut self) -> Result<(), Error> {
        self.total.fetch_add(std::mem::take(&mut self.new), Relaxed);
        Ok(())
    }
}

#[tokio::test]
async fn a_tally_counts_the_frames_of_all_connections() {
    let tally = Tally::default();
    let server = Socket::builder()
        .connection_layer(HookLayer::new(tally.clone()))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    for _ in 0..2 {
        let client = Socket::new().unwrap();
        client.connect(endpoint.clone()).unwrap();
        for _ in 0..100 {
            client.send("x").await.unwrap();
        }
        for _ in 0..100 {
            within("a message", server.recv()).await.unwrap();
        }
        client.close(Duration::from_secs(10)).await;
    }
    assert!(tally.total.load(Relaxed) >= 200, "{:?}", tally.total);
}

/// The first one added is the outermost: it sees what the others have made of a frame
/// that arrives, and they see what it has made of one that leaves.
#[tokio::test]
async fn functions_of_a_frame_change_what_passes() {
    let with = |letter: &'static str| {
        move |frame: Frame| match frame {
            Frame::Data { payload, target } => Some(Frame::Data {
                payload: [&payload[..], letter.as_bytes()].concat().into(),
                target,
            }),
            frame => Some(frame),
        }
    };
    let a = Socket::builder()
        .connection_layer(leaving_fn(with("a")))
        .connection_layer(leaving_fn(with("b")))
        .build()
        .unwrap();
    let b = Socket::builder()
        .connection_layer(arriving_fn(with("d")))
        .connection_layer(arriving_fn(with("c")))
        .build()
        .unwrap();
    b.connect(a.bind("127.0.0.1:0").await.unwrap()).unwrap();
    a.send("_").await.unwrap();
    assert_eq!(within("a message", b.recv()).await.unwrap(), "_abcd");
}

/// Under at-least-once, too: what is not dropped is acknowledged.
#[tokio::test]
async fn what_one_peer_would_get_is_dropped_and_others_get_theirs() {
    let muted = Identity::from([7; 16]);
    let layer = HookLayer::per_peer({
        let muted = muted.clone();
        move |peer: &Identity| {
            let drop = |frame: Frame| frame.payload().is_none().then_some(frame);
            (*peer == muted).then(|| LeavingFn::new(drop))
        }
    });
    let server = Socket::builder()
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        .connection_layer(layer)
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let quiet = Socket::builder().identity(muted.clone()).build().unwrap();
    let other = Socket::new().unwrap();
    for client in [&quiet, &other] {
        client.connect(endpoint.clone()).unwrap();
    }
    server.send_to(muted, "for nobody").await.unwrap();
    let identity = other.identity().clone();
    server.send_to(identity, "for the other").await.unwrap();
    assert_eq!(
        within("a message", other.recv()).await.unwrap(),
        "for the other"
    );
    until("the acknowledgement", || {
        server.stats().unacknowledged_messages == 1
    })
    .await;
    assert_eq!(quiet.stats().received_messages, 0);
}

/// Ends the connection of a peer that sends too many messages in a second.
#[derive(Clone)]
struct AtMost {
    per_second: u32,
    since: Option<Instant>,
    count: u32,
}

impl FrameHook for AtMost {
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        self.count += u32::from(frame.payload().is_some());
        Some(frame)
    }

    fn settle(&mut self) -> Result<(), Error> {
        if self.count > self.per_second {
            return Err(Error::new(ErrorKind::Limit).with_reason("the peer sends too fast"));
        }
        let now = Instant::now();
        if now - *self.since.get_or_insert(now) >= Duration::from_secs(1) {
            (self.since, self.count) = (Some(now), 0);
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_limiter_ends_the_connection_of_a_peer_that_is_too_fast() {
    let (per_second, since, count) = (100, None, 0);
    let server = Socket::builder()
        .connection_layer(HookLayer::new(AtMost {
            per_second,
            since,
            count,
        }))
        .build()
        .unwrap();
    let mut events = server.events();
    let client = Socket::new().unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    client.connect(endpoint).unwrap();
    for _ in 0..50 {
        client.send("x").await.unwrap();
    }
    for _ in 0..50 {
        within("a message", server.recv()).await.unwrap();
    }
    for _ in 0..200 {
        client.send("x").await.unwrap();
    }
    let reason = event(&mut events, "its end", |event| match event {
        Event::PeerDown { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert!(reason.is_limit(), "{reason}");
    assert!(reason.to_string().contains("too fast"), "{reason}");
}

/// A hook that is chosen at run time.
#[tokio::test]
async fn a_boxed_hook_is_a_hook() {
    for drops in [false, true] {
        let server = Socket::builder()
            .connection_layer(HookLayer::per_peer(move |_: &Identity| {
                let hook: Box<dyn FrameHook> = match drops {
                    true => Box::new(ArrivingFn::new(|frame: Frame| {
                        (frame != Frame::data("drop")).then_some(frame)
                    })),
                    false => Box::new(Tally::default()),
                };
                hook
            }))
            .build()
            .unwrap();
        let client = Socket::new().unwrap();
        let endpoint = server.bind("127.0.0.1:0").await.unwrap();
        client.connect(endpoint).unwrap();
        client.send("drop").await.unwrap();
        client.send("keep").await.unwrap();
        let first = within("a message", server.recv()).await.unwrap();
        assert_eq!(first, if drops { "keep" } else { "drop" });
    }
}

/// Says which version it speaks ahead of all else, and takes what the peer says.
struct Versioned<C> {
    inner: C,
    ours: Option<Frame>,
    theirs: Theirs,
}

#[derive(Clone, Default)]
struct Theirs(Arc<AtomicU64>);

impl FrameHook for Theirs {
    fn arriving(&mut self, frame: Frame) -> Option<Frame> {
        match frame.payload().and_then(|it| it.strip_prefix(b"version ")) {
            Some(version) => self.0.store(u64::from(version[0]), Relaxed),
            None => return Some(frame),
        }
        None
    }
}

impl<C: Connection> Versioned<C> {
    fn poll_say(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self.ours.is_some() {
            true => self.inner.poll_send(cx, &mut self.ours),
            false => Poll::Ready(Ok(())),
        }
    }
}

impl<C: Connection> Connection for Versioned<C> {
    fn poll_recv<V: FrameVisitor>(
        &mut self,
        cx: &mut Context<'_>,
        visitor: &mut V,
    ) -> Poll<Option<Result<(), Error>>> {
        self.inner.poll_recv_through(cx, &mut self.theirs, visitor)
    }

    fn poll_send<S: FrameSource>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<(), Error>> {
        ready!(self.poll_say(cx))?;
        self.inner.poll_send(cx, source)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_say(cx))?;
        self.inner.poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_close(cx)
    }
}

impl<C: Identified> Identified for Versioned<C> {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }
}

#[tokio::test]
async fn a_connection_of_ones_own_sends_frames_of_its_own() {
    let (of_a, of_b) = (Theirs::default(), Theirs::default());
    let socket = |version: u8, theirs: Theirs| {
        let layer = layer_fn(move |inner| Versioned {
            inner,
            ours: Some(Frame::Data {
                payload: [b"version ", &[version][..]].concat().into(),
                target: Target::Connection,
            }),
            theirs: theirs.clone(),
        });
        Socket::builder().connection_layer(layer).build().unwrap()
    };
    let (a, b) = (socket(1, of_b.clone()), socket(2, of_a.clone()));
    b.connect(a.bind("127.0.0.1:0").await.unwrap()).unwrap();
    a.send("hello").await.unwrap();
    assert_eq!(within("a message", b.recv()).await.unwrap(), "hello");
    until("both versions", || {
        of_a.0.load(Relaxed) == 1 && of_b.0.load(Relaxed) == 2
    })
    .await;
}
