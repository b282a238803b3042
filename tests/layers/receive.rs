//! Around the receive path.

use std::error::Error as _;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use aiomsg::layer::ReceivePath;
use aiomsg::parts::transport::Connector;
use aiomsg::{Delivery, DeliveryGuarantee, Error, ErrorKind, Event, Events, Limits, SocketBuilder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tower::buffer::BufferLayer;
use tower::filter::FilterLayer;
use tower::layer::layer_fn;
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::retry::{Policy, RetryLayer};
use tower::spawn_ready::SpawnReadyLayer;
use tower::timeout::TimeoutLayer;
use tower::util::{MapErrLayer, MapRequestLayer};
use tower::{Layer, Service, ServiceExt};

const SECOND: Duration = Duration::from_secs(1);

fn only_one() -> SocketBuilder {
    Socket::builder().receive_limits(Limits {
        items: 1,
        bytes: 1 << 20,
    })
}

/// Binds the receiver and sends it each payload in turn.
async fn fed(receiver: &Socket, payloads: &[&'static str]) -> Socket {
    let sender = Socket::new().unwrap();
    sender
        .connect(receiver.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    within("the receiver", sender.wait_for_peers(1))
        .await
        .unwrap();
    for payload in payloads {
        sender.send(*payload).await.unwrap();
    }
    sender
}

async fn arrive(receiver: &Socket, payloads: &[&'static str]) -> Vec<String> {
    let _sender = fed(receiver, payloads).await;
    let mut got = Vec::new();
    for _ in payloads {
        got.push(within("a message", receiver.recv_text()).await.unwrap());
    }
    got
}

async fn refused(events: &mut Events) -> (Delivery, Arc<Error>) {
    within("a refusal", async {
        loop {
            if let Event::Refused { message, error } = events.next().await.unwrap() {
                return (message, error);
            }
        }
    })
    .await
}

/// A layer that takes a second for each message, and counts how many are in
/// it at once.
fn slow(most: &Arc<AtomicUsize>) -> impl Layer<ReceivePath, Service = Slow> + use<> {
    let most = Arc::clone(most);
    layer_fn(move |inbox| Slow {
        inbox,
        now: Arc::default(),
        most: Arc::clone(&most),
    })
}

#[derive(Clone)]
struct Slow {
    inbox: ReceivePath,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Service<Delivery> for Slow {
    type Response = ();
    type Error = Error;
    type Future = futures::future::BoxFuture<'static, Result<(), Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let now = this.now.fetch_add(1, Ordering::Relaxed) + 1;
            this.most.fetch_max(now, Ordering::Relaxed);
            sleep(SECOND).await;
            this.now.fetch_sub(1, Ordering::Relaxed);
            this.inbox.oneshot(message).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn rate_limit() {
    let receiver = Socket::builder()
        .receive_layer(RateLimitLayer::new(2, SECOND))
        .build()
        .unwrap();
    let start = Instant::now();
    let payloads = ["1", "2", "3", "4", "5", "6", "7"];
    assert_eq!(arrive(&receiver, &payloads).await, payloads);
    assert!(start.elapsed() >= SECOND * 3, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn concurrency_limit() {
    for limit in [1, 2] {
        let most = Arc::default();
        let receiver = Socket::builder()
            .receive_layer(ConcurrencyLimitLayer::new(limit))
            .receive_layer(slow(&most))
            .build()
            .unwrap();
        // Three connections, as one has only one message in the stack.
        let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
        let senders: Vec<_> = (0..3).map(|_| Socket::new().unwrap()).collect();
        for sender in &senders {
            sender.connect(endpoint.clone()).unwrap();
            sender.send("x").await.unwrap();
        }
        for _ in &senders {
            within("a message", receiver.recv()).await.unwrap();
        }
        assert_eq!(most.load(Ordering::Relaxed), limit);
    }
}

#[tokio::test]
async fn load_shed() {
    let receiver = only_one()
        .receive_layer(LoadShedLayer::new())
        .build()
        .unwrap();
    let mut events = receiver.events();
    let _sender = fed(&receiver, &["fits", "too much"]).await;
    let (message, error) = refused(&mut events).await;
    assert_eq!(message.payload(), "too much");
    assert!(
        error
            .source()
            .unwrap()
            .is::<tower::load_shed::error::Overloaded>()
    );
    assert_eq!(receiver.recv().await.unwrap(), "fits");
    assert_eq!(receiver.stats().refused_messages, 1);
}

#[tokio::test(start_paused = true)]
async fn timeout() {
    let most = Arc::default();
    let receiver = Socket::builder()
        .receive_layer(TimeoutLayer::new(SECOND / 2))
        .receive_layer(slow(&most))
        .build()
        .unwrap();
    let mut events = receiver.events();
    let _sender = fed(&receiver, &["slow"]).await;
    let (message, error) = refused(&mut events).await;
    assert_eq!(message.payload(), "slow");
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test]
async fn filter() {
    let receiver = Socket::builder()
        .receive_layer(FilterLayer::new(|message: Delivery| {
            match message.payload().starts_with(b"bad") {
                true => Err("a bad message"),
                false => Ok(message),
            }
        }))
        .build()
        .unwrap();
    let mut events = receiver.events();
    let sender = fed(&receiver, &["good", "bad one", "good too"]).await;
    assert_eq!(within("a message", receiver.recv()).await.unwrap(), "good");
    assert_eq!(
        within("a message", receiver.recv()).await.unwrap(),
        "good too"
    );
    let (message, error) = refused(&mut events).await;
    assert_eq!(message.payload(), "bad one");
    assert_eq!(message.from(), sender.identity());
    assert!(error.is_layer());
    assert_eq!(error.source().unwrap().to_string(), "a bad message");
}

#[tokio::test]
async fn buffer() {
    let receiver = Socket::builder()
        .receive_layer(BufferLayer::new(2))
        .build()
        .unwrap();
    let payloads = ["1", "2", "3", "4", "5", "6", "7", "8"];
    assert_eq!(arrive(&receiver, &payloads).await, payloads);
}

#[derive(Clone)]
struct Thrice(usize);

impl Policy<Delivery, (), Error> for Thrice {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut Delivery, result: &mut Result<(), Error>) -> Option<Self::Future> {
        (result.is_err() && self.0 > 0).then(|| {
            self.0 -= 1;
            ready(())
        })
    }

    fn clone_request(&mut self, message: &Delivery) -> Option<Delivery> {
        Some(message.clone())
    }
}

#[tokio::test]
async fn retry() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let flaky = layer_fn(move |inbox: ReceivePath| {
        let counted = Arc::clone(&counted);
        tower::service_fn(move |message: Delivery| {
            let fails = counted.fetch_add(1, Ordering::Relaxed) < 2;
            let inbox = inbox.clone();
            async move {
                if fails {
                    return Err(Error::new(ErrorKind::Disconnected));
                }
                inbox.oneshot(message).await
            }
        })
    });
    let receiver = Socket::builder()
        .receive_layer(RetryLayer::new(Thrice(3)))
        .receive_layer(flaky)
        .build()
        .unwrap();
    assert_eq!(
        arrive(&receiver, &["again and again"]).await,
        ["again and again"]
    );
    assert_eq!(tries.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn map_request_and_map_err_and_spawn_ready_and_a_timeout_at_once() {
    let receiver = only_one()
        .receive_layer(MapErrLayer::new(|_: Error| Error::new(ErrorKind::Limit)))
        .receive_layer(TimeoutLayer::new(SECOND * 20))
        .receive_layer(MapRequestLayer::new(|message: Delivery| {
            let shout = message.payload().to_ascii_uppercase();
            message.with_payload(shout)
        }))
        .receive_layer(SpawnReadyLayer::new())
        .build()
        .unwrap();
    assert_eq!(arrive(&receiver, &["quiet"]).await, ["QUIET"]);
}

#[tokio::test]
async fn map_err() {
    let receiver = only_one()
        .receive_layer(MapErrLayer::new(|_: Error| Error::new(ErrorKind::Limit)))
        .receive_layer(LoadShedLayer::new())
        .build()
        .unwrap();
    let mut events = receiver.events();
    let _sender = fed(&receiver, &["fits", "too much"]).await;
    let (_, error) = refused(&mut events).await;
    assert!(error.is_limit() && !error.is_layer());
}

/// A message is acknowledged when the layers have accepted it, and not before.
#[tokio::test]
async fn what_is_refused_is_not_acknowledged() {
    let receiver = Socket::builder()
        .receive_layer(FilterLayer::new(|message: Delivery| {
            match message.payload().starts_with(b"bad") {
                true => Err("a bad message"),
                false => Ok(message),
            }
        }))
        .build()
        .unwrap();
    let sender = Socket::builder()
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        .build()
        .unwrap();
    sender
        .connect(receiver.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    sender.send("bad").await.unwrap();
    sender.send("good").await.unwrap();
    assert_eq!(within("a message", receiver.recv()).await.unwrap(), "good");
    within("its acknowledgement", async {
        while sender.stats().unacknowledged_messages != 1 {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    let report = sender.close(Duration::from_millis(100)).await;
    assert_eq!(report.unacknowledged.len(), 1);
    assert_eq!(report.unacknowledged[0].payload(), "bad");
}

/// Back pressure from a layer reaches the peer.
#[tokio::test]
async fn a_layer_that_is_never_ready_makes_the_sender_wait() {
    let stuck = layer_fn(|inbox: ReceivePath| {
        tower::service_fn(move |_: Delivery| {
            let _inbox = inbox.clone();
            std::future::pending::<Result<(), Error>>()
        })
    });
    let receiver = Socket::builder().receive_layer(stuck).build().unwrap();
    let sender = Socket::new().unwrap();
    sender
        .connect(receiver.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    let payload = vec![0; 100_000];
    within("the sender to be held back", async {
        while let Ok(sent) = tokio::time::timeout(SECOND, sender.send(payload.clone())).await {
            sent.unwrap();
        }
    })
    .await;
    let close = receiver.close(Duration::from_millis(100));
    within("the close, which need not wait for the layer", close).await;
}

/// What was read before its connection ended goes through the layers all the
/// same.
#[tokio::test(start_paused = true)]
async fn layers_go_on_after_the_connection_has_ended() {
    let most = Arc::default();
    let receiver = Socket::builder()
        .receive_layer(slow(&most))
        .build()
        .unwrap();
    let sender = fed(&receiver, &["1", "2", "3", "4", "5"]).await;
    assert!(sender.close(SECOND * 20).await.is_clean());
    for expected in ["1", "2", "3", "4", "5"] {
        assert_eq!(
            within("a message", receiver.recv()).await.unwrap(),
            expected
        );
    }
}

/// And what they have no time for any more is reported.
#[tokio::test(start_paused = true)]
async fn what_layers_have_not_dealt_with_at_the_close_is_reported() {
    let most = Arc::default();
    let receiver = Socket::builder()
        .receive_layer(slow(&most))
        .build()
        .unwrap();
    let _sender = fed(&receiver, &["1", "2", "3", "4", "5"]).await;
    within("the first", receiver.recv()).await.unwrap();
    receiver.close(Duration::ZERO).await;
    let mut received = 1;
    while receiver.recv().await.is_ok() {
        received += 1;
    }
    assert_eq!(received + receiver.stats().refused_messages, 5);
}

/// A panic in a layer ended the connection, and at the end that dials also the
/// task that would connect again.
#[tokio::test]
async fn a_message_on_which_a_layer_panics_is_refused() {
    let receiver = Socket::builder()
        .receive_layer(MapRequestLayer::new(|message: Delivery| {
            assert!(!message.payload().starts_with(b"call"), "as we want");
            message
        }))
        .receive_layer(layer_fn(|inbox: ReceivePath| {
            tower::service_fn(move |message: Delivery| {
                let inbox = inbox.clone();
                async move {
                    assert!(!message.payload().starts_with(b"future"), "as we want");
                    inbox.oneshot(message).await
                }
            })
        }))
        .build()
        .unwrap();
    let mut events = receiver.events();
    let sender = Socket::new().unwrap();
    receiver
        .connect(sender.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    for payload in ["one", "call", "two", "future", "three"] {
        sender.send(payload).await.unwrap();
    }
    for expected in ["one", "two", "three"] {
        assert_eq!(
            within("a message", receiver.recv()).await.unwrap(),
            expected
        );
    }
    for expected in ["call", "future"] {
        let (message, error) = refused(&mut events).await;
        assert_eq!(message.payload(), expected);
        assert!(error.to_string().contains("a layer panicked"), "{error}");
    }
    assert_eq!(receiver.stats().connections, 1);
}

// ===== one connection after another =====

/// A peer that says all it has to say at once, and is gone.
async fn hasty(endpoint: &Endpoint, numbers: std::ops::Range<u8>) {
    let mut bytes = b"\0\0\0\x12\x01\x010123456789abcdef".to_vec();
    for number in numbers {
        bytes.extend([0, 0, 0, 2, 3, number]);
    }
    let mut stream = Connector::new().oneshot(endpoint.clone()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    // Until it is read to its end.
    let _ = within("the end", stream.read_to_end(&mut Vec::new())).await;
}

/// What was left of a connection that had ended was still on its way through
/// the layers when the next one came, and was overtaken by it.
#[tokio::test]
async fn the_rest_of_a_connection_goes_before_what_comes_by_the_next() {
    let receiver = only_one()
        .receive_layer(MapRequestLayer::new(|message: Delivery| message))
        .build()
        .unwrap();
    let endpoint = receiver.bind("mem://one-after-another").await.unwrap();
    hasty(&endpoint, 0..5).await;
    let next = tokio::spawn(async move { hasty(&endpoint, 5..10).await });
    until("the second connection", || {
        receiver.stats().connections == 2
    })
    .await;
    for number in 0..10 {
        let got = within("a message", receiver.recv()).await.unwrap();
        assert_eq!(got, [number][..]);
        // All that waits for room has a try.
        sleep(Duration::from_millis(1)).await;
    }
    next.await.unwrap();
}

#[tokio::test]
async fn what_had_arrived_is_there_when_the_socket_has_closed() {
    let receiver = only_one()
        .receive_layer(MapRequestLayer::new(|message: Delivery| message))
        .build()
        .unwrap();
    let mut events = receiver.events();
    let payloads = ["1", "2", "3", "4", "5"];
    let sender = fed(&receiver, &payloads).await;
    // All were read, and most wait for room in the inbox.
    until("all have arrived", || {
        sender.stats().sent_messages == 5 && receiver.stats().received_messages == 5
    })
    .await;
    let began = Instant::now();
    within("close", receiver.close(SECOND * 10)).await;
    assert!(began.elapsed() < SECOND * 5, "{:?}", began.elapsed());
    for payload in payloads {
        let got = within("a message", receiver.recv_text()).await.unwrap();
        assert_eq!(got, payload);
    }
    assert!(receiver.recv_text().await.unwrap_err().is_closed());
    while let Some(event) = events.next().await {
        assert!(!matches!(event, Event::Refused { .. }), "{event:?}");
    }
}
