//! Around the send path.

use std::error::Error as _;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use aiomsg::layer::SendService;
use aiomsg::{DeliveryGuarantee, Error, ErrorKind, Identity, Limits, Outbound, SocketBuilder};
use futures::FutureExt;
use tokio::time::Instant;
use tower::buffer::BufferLayer;
use tower::filter::FilterLayer;
use tower::layer::layer_fn;
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::retry::{Policy, RetryLayer};
use tower::spawn_ready::SpawnReadyLayer;
use tower::timeout::TimeoutLayer;
use tower::util::{MapErrLayer, MapRequestLayer};
use tower::{BoxError, ServiceBuilder, ServiceExt};

const SECOND: Duration = Duration::from_secs(1);

/// A socket on which a message to the absent waits as soon as one does.
fn tight() -> SocketBuilder {
    let one = Limits {
        items: 1,
        bytes: 1 << 20,
    };
    Socket::builder().buffer_limits(one).absent_limits(one)
}

fn absent() -> Identity {
    Identity::new([9; 16]).unwrap()
}

/// Each payload in turn, from a sender with layers to a receiver.
async fn arrive<S: SendService>(sender: &Socket<S>, payloads: &[&str]) -> Vec<String> {
    let (receiver, endpoint) = receiver().await;
    sender.connect(endpoint).unwrap();
    for payload in payloads {
        sender.send(*payload).await.unwrap();
    }
    let mut got = Vec::new();
    for _ in payloads {
        got.push(within("a message", receiver.recv_text()).await.unwrap());
    }
    got
}

/// The socket looked at a message before its layers, and a header of theirs that cannot be sent
/// was left out without a word, or sent and the connection ended by the peer.
#[tokio::test]
async fn a_header_of_a_layer_that_cannot_be_sent_refuses_the_message() {
    type Change = fn(Outbound) -> Outbound;
    let long: Change = |it| it.header("long", &"x".repeat(70_000));
    let many: Change = |it| (0..33).fold(it, |it, n| it.header(&format!("n{n}"), ""));
    let changes: [(Change, ErrorKind, &str); 3] = [
        (
            |it| it.header("two words", ""),
            ErrorKind::Config,
            "two words",
        ),
        (long, ErrorKind::Config, "this one has 70000"),
        (many, ErrorKind::TooLarge, "they are 33"),
    ];
    for guarantee in [
        DeliveryGuarantee::AtMostOnce,
        DeliveryGuarantee::AtLeastOnce,
    ] {
        for (change, kind, word) in changes {
            let is_bad = move |it: Outbound| match &it.payload()[..] {
                b"bad" => change(it),
                _ => it.header("good", "1"),
            };
            let sender = Socket::builder()
                .delivery_guarantee(guarantee)
                .layer(MapRequestLayer::new(is_bad))
                .build()
                .unwrap();
            let (receiver, endpoint) = receiver().await;
            sender.connect(endpoint).unwrap();
            let addressed = Outbound::new("bad").to(receiver.identity().clone());
            for bad in [Outbound::new("bad"), addressed] {
                let mut error = sender.send_message(bad).await.unwrap_err();
                assert_eq!(error.kind(), kind, "{error}");
                assert!(format!("{error:?}").contains(word), "{error:?}");
                assert_eq!(error.take_message().unwrap().payload(), "bad");
            }
            // Those before and behind it arrive, by the same connection.
            sender.send("good").await.unwrap();
            let came = within("a message", receiver.recv_message()).await.unwrap();
            assert_eq!(came.payload(), "good");
            assert_eq!(came.headers().get("good"), Some("1"));
            assert_eq!(sender.stats().connections, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rate_limit() {
    let sender = Socket::builder()
        .layer(RateLimitLayer::new(2, SECOND))
        .build()
        .unwrap();
    let start = Instant::now();
    let payloads = ["1", "2", "3", "4", "5", "6", "7"];
    assert_eq!(arrive(&sender, &payloads).await, payloads);
    assert!(start.elapsed() >= SECOND * 3, "{:?}", start.elapsed());
}

/// A service of tower's remembers the last task that polled it. Several tasks
/// send here, and none may be forgotten.
#[tokio::test(start_paused = true)]
async fn rate_limit_with_many_senders() {
    let sender = Socket::builder()
        .layer(RateLimitLayer::new(1, SECOND))
        .build()
        .unwrap();
    let (receiver, endpoint) = receiver().await;
    sender.connect(endpoint).unwrap();
    for n in 0..20 {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(n.to_string()).await });
    }
    let mut got = Vec::new();
    for _ in 0..20 {
        let message = tokio::time::timeout(SECOND * 60, receiver.recv_text()).await;
        got.push(message.unwrap().unwrap().parse::<u32>().unwrap());
    }
    got.sort_unstable();
    assert_eq!(got, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn concurrency_limit() {
    let sender = tight()
        .layer(ConcurrencyLimitLayer::new(1))
        .build()
        .unwrap();
    sender.send_to(absent(), "fills its mailbox").await.unwrap();
    let mut waiting = Box::pin(sender.send_to(absent(), "waits, and holds the permit"));
    assert!((&mut waiting).now_or_never().is_none());
    assert!(sender.send("no permit is left").now_or_never().is_none());
    drop(waiting);
    within("the permit", sender.send("the permit is back"))
        .await
        .unwrap();
}

#[tokio::test]
async fn load_shed() {
    let sender = tight().layer(LoadShedLayer::new()).build().unwrap();
    sender.send("fills the buffer").await.unwrap();
    let mut error = sender.send("too much").await.unwrap_err();
    assert!(error.is_layer(), "{error}");
    let source = error.source().unwrap();
    assert!(source.is::<tower::load_shed::error::Overloaded>());
    assert_eq!(error.take_message().unwrap().payload(), "too much");
}

#[tokio::test(start_paused = true)]
async fn timeout() {
    let sender = tight().layer(TimeoutLayer::new(SECOND)).build().unwrap();
    sender.send_to(absent(), "fills its mailbox").await.unwrap();
    let start = Instant::now();
    let mut error = sender.send_to(absent(), "waits").await.unwrap_err();
    assert_eq!(start.elapsed(), SECOND);
    assert!(error.is_timeout(), "{error:?}");
    assert!(
        error
            .source()
            .unwrap()
            .is::<tower::timeout::error::Elapsed>()
    );
    assert_eq!(error.take_message().unwrap().payload(), "waits");
}

#[tokio::test]
async fn filter() {
    let sender = Socket::builder()
        .layer(FilterLayer::new(|message: Outbound| {
            match message.payload().is_empty() {
                true => Err(BoxError::from("an empty message")),
                false => Ok(message),
            }
        }))
        .build()
        .unwrap();
    let mut error = sender.send("").await.unwrap_err();
    assert!(error.is_layer());
    assert_eq!(error.source().unwrap().to_string(), "an empty message");
    assert_eq!(error.take_message().unwrap().payload(), "");
    assert_eq!(arrive(&sender, &["not empty"]).await, ["not empty"]);
}

#[tokio::test]
async fn buffer() {
    let sender = Socket::builder()
        .layer(BufferLayer::new(4))
        .build()
        .unwrap();
    let payloads = ["1", "2", "3", "4", "5", "6", "7", "8"];
    assert_eq!(arrive(&sender, &payloads).await, payloads);
}

#[derive(Clone)]
struct Thrice(usize);

impl Policy<Outbound, (), Error> for Thrice {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut Outbound, result: &mut Result<(), Error>) -> Option<Self::Future> {
        (result.is_err() && self.0 > 0).then(|| {
            self.0 -= 1;
            ready(())
        })
    }

    fn clone_request(&mut self, message: &Outbound) -> Option<Outbound> {
        Some(message.clone())
    }
}

#[tokio::test]
async fn retry() {
    // Retry clones the service, so what is around it need be `Clone`, too.
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let flaky = layer_fn(move |inner: aiomsg::send::StandardSend| {
        let counted = Arc::clone(&counted);
        tower::service_fn(move |message: Outbound| {
            let fails = counted.fetch_add(1, Ordering::Relaxed) < 2;
            let inner = inner.clone();
            async move {
                if fails {
                    return Err(Error::new(ErrorKind::Disconnected));
                }
                inner.oneshot(message).await
            }
        })
    });
    let sender = Socket::builder()
        .layer(RetryLayer::new(Thrice(3)))
        .layer(flaky)
        .build()
        .unwrap();
    assert_eq!(
        arrive(&sender, &["again and again"]).await,
        ["again and again"]
    );
    assert_eq!(tries.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn map_request() {
    let sender = Socket::builder()
        .layer(MapRequestLayer::new(|message: Outbound| {
            let shout = message.payload().to_ascii_uppercase();
            message.with_payload(shout)
        }))
        .build()
        .unwrap();
    assert_eq!(arrive(&sender, &["quiet"]).await, ["QUIET"]);
}

#[tokio::test]
async fn map_err() {
    let sender = tight()
        .layer(MapErrLayer::new(|_: BoxError| Error::new(ErrorKind::Limit)))
        .layer(LoadShedLayer::new())
        .build()
        .unwrap();
    sender.send("fills the buffer").await.unwrap();
    let error = sender.send("too much").await.unwrap_err();
    assert!(error.is_limit() && !error.is_layer());
    assert_eq!(error.message().unwrap().payload(), "too much");
}

#[tokio::test]
async fn spawn_ready() {
    let sender = Socket::builder()
        .layer(SpawnReadyLayer::new())
        .build()
        .unwrap();
    assert_eq!(arrive(&sender, &["1", "2", "3"]).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn the_first_layer_is_the_outermost_of_four() {
    let mark = |with: &'static str| {
        MapRequestLayer::new(move |message: Outbound| {
            let marked = [message.payload(), with.as_bytes()].concat();
            message.with_payload(marked)
        })
    };
    let one_by_one = Socket::builder()
        .layer(TimeoutLayer::new(SECOND * 20))
        .layer(mark("a"))
        .layer(ConcurrencyLimitLayer::new(8))
        .layer(mark("b"))
        .build()
        .unwrap();
    assert_eq!(arrive(&one_by_one, &["x"]).await, ["xab"]);

    let at_once = ServiceBuilder::new()
        .layer(TimeoutLayer::new(SECOND * 20))
        .layer(mark("a"))
        .layer(ConcurrencyLimitLayer::new(8))
        .layer(mark("b"))
        .into_inner();
    let at_once = Socket::builder().layer(at_once).build().unwrap();
    assert_eq!(arrive(&at_once, &["y"]).await, ["yab"]);
}

#[tokio::test]
async fn a_boxed_socket_has_a_name() {
    struct Program {
        socket: Socket<aiomsg::send::BoxedSend>,
    }
    let program = Program {
        socket: Socket::builder()
            .layer(RateLimitLayer::new(100, SECOND))
            .build_boxed()
            .unwrap(),
    };
    assert_eq!(arrive(&program.socket, &["boxed"]).await, ["boxed"]);
}

/// A sink with layers hands the message back as well.
#[tokio::test]
async fn a_sink_with_layers() {
    use futures::SinkExt;
    let mut sender = tight().layer(LoadShedLayer::new()).build().unwrap();
    sender.feed("fills the buffer").await.unwrap();
    SinkExt::<&str>::flush(&mut sender).await.unwrap();
    let sent = SinkExt::send(&mut sender, "too much").await;
    assert_eq!(
        sent.unwrap_err().take_message().unwrap().payload(),
        "too much"
    );
}
