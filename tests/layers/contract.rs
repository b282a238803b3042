//! What tower asks of whoever calls a service, kept at every level: ready
//! before each call, on the very service that is called, nothing kept that is
//! not used, and no end that is asked again.

use super::*;
use aiomsg::layer::ReceivePath;
use aiomsg::{Delivery, Error, Limits, Outbound};
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use std::task::{Context, Poll};
use tower::buffer::BufferLayer;
use tower::layer::layer_fn;
use tower::limit::ConcurrencyLimitLayer;
use tower::{BoxError, Layer, Service, ServiceExt};

/// A service that keeps books on how it is called. A clone is not ready.
struct Strict<S> {
    inner: S,
    ready: bool,
    books: Books,
}

#[derive(Clone, Default)]
struct Books {
    calls: Arc<AtomicUsize>,
    unready: Arc<AtomicUsize>,
}

impl<S: Clone> Clone for Strict<S> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            ready: false,
            books: self.books.clone(),
        }
    }
}

impl<S: Service<R>, R> Service<R> for Strict<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.ready = false;
        let polled = self.inner.poll_ready(cx);
        self.ready = matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    fn call(&mut self, request: R) -> S::Future {
        self.books.calls.fetch_add(1, Ordering::Relaxed);
        if !std::mem::take(&mut self.ready) {
            self.books.unready.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.call(request)
    }
}

impl<S> Layer<S> for Books {
    type Service = Strict<S>;

    fn layer(&self, inner: S) -> Strict<S> {
        Strict {
            inner,
            ready: false,
            books: self.clone(),
        }
    }
}

/// Pitfall 35: readiness was asked of one clone, and another was called. Pitfall
/// 34, in part: a readiness that was good for one call was used for two.
#[tokio::test]
async fn whoever_is_called_was_ready_at_every_level() {
    let [send, receive, dial, accept, handle] = std::array::from_fn(|_| Books::default());
    let server = Socket::builder()
        .receive_layer(receive.clone())
        .accept_layer(accept.clone())
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let handler =
        tower::service_fn(
            |message: Delivery| async move { Ok::<_, Error>(message.into_payload()) },
        );
    tokio::spawn(server.serve(handle.layer(handler)).into_future());

    let client = Socket::builder()
        .at_least_once()
        .layer(send.clone())
        .dial_layer(dial.clone())
        .build()
        .unwrap();
    client.connect(endpoint).unwrap();
    let sends = (0..100).map(|n| {
        let client = client.clone();
        tokio::spawn(async move { client.send(n.to_string()).await })
    });
    for sent in join_all(sends).await {
        sent.unwrap().unwrap();
    }
    // By other ways of sending, too.
    let mut sink = client.clone();
    futures::SinkExt::send(&mut sink, "by a sink")
        .await
        .unwrap();
    let sent = client.clone().oneshot(Outbound::new("by a service"));
    sent.await.unwrap();
    for _ in 0..102 {
        within("an answer", client.recv()).await.unwrap();
    }

    for (level, books, calls) in [
        ("send", send, 102),
        ("receive", receive, 102),
        ("dial", dial, 1),
        ("accept", accept, 1),
        ("serve", handle, 102),
    ] {
        assert_eq!(books.calls.load(Ordering::Relaxed), calls, "{level}");
        assert_eq!(books.unready.load(Ordering::Relaxed), 0, "{level}");
    }
}

/// Pitfall 34: who asked whether there was room, and then left, took it along.
#[tokio::test]
async fn whoever_asks_and_does_not_call_takes_nothing_along() {
    let sender = Socket::builder()
        .buffer_limits(Limits {
            items: 2,
            bytes: 1 << 20,
        })
        .layer(ConcurrencyLimitLayer::new(2))
        .build()
        .unwrap();
    let ask = || {
        let mut service = sender.clone();
        let ready = ServiceExt::<Outbound>::ready(&mut service).now_or_never();
        assert!(ready.unwrap().is_ok());
        let mut sink = sender.clone();
        let ready = std::future::poll_fn(|cx| {
            futures::Sink::<&str>::poll_ready(std::pin::Pin::new(&mut sink), cx)
        });
        assert!(ready.now_or_never().unwrap().is_ok());
    };
    for payload in ["1", "2"] {
        (0..100).for_each(|_| ask());
        sender.send(payload).now_or_never().expect("room").unwrap();
    }
    // Full: these ask in vain, and hold no permit either.
    for _ in 0..100 {
        assert!(sender.send("given up").now_or_never().is_none());
    }
    let (receiver, endpoint) = receiver().await;
    sender.connect(endpoint).unwrap();
    for payload in ["1", "2", "3", "4"] {
        if payload > "2" {
            within("room", sender.send(payload)).await.unwrap();
        }
        assert_eq!(within("it", receiver.recv()).await.unwrap(), payload);
    }
}

/// Ready once. Then it has ended, and says so; after that it must not be asked.
struct Once {
    called: bool,
    ended: bool,
    asked_after: Arc<AtomicUsize>,
}

impl<R> Service<R> for Once {
    type Response = ();
    type Error = BoxError;
    type Future = std::future::Ready<Result<(), BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.ended {
            self.asked_after.fetch_add(1, Ordering::Relaxed);
        }
        self.ended = self.called;
        Poll::Ready(match self.called {
            true => Err("the database is gone".into()),
            false => Ok(()),
        })
    }

    fn call(&mut self, _: R) -> Self::Future {
        self.called = true;
        std::future::ready(Ok(()))
    }
}

/// Pitfall 36: an error from `poll_ready` is the end of a service, and it was
/// asked again with the next message.
#[tokio::test]
async fn a_handler_that_has_ended_is_not_asked_again() {
    let (server, endpoint) = receiver().await;
    let asked_after = Arc::default();
    let handler = Once {
        called: false,
        ended: false,
        asked_after: Arc::clone(&asked_after),
    };
    let serving = tokio::spawn(server.serve(handler).into_future());
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    for n in 0..10 {
        client.send(n.to_string()).await.unwrap();
    }
    let ended = within("the end", serving).await.unwrap();
    assert!(ended.unwrap_err().is_layer());
    assert_eq!(asked_after.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_send_stack_that_has_ended_is_not_asked_again() {
    let asked_after = Arc::default();
    let layer = layer_fn(|_| Once {
        called: false,
        ended: false,
        asked_after: Arc::clone(&asked_after),
    });
    let sender = Socket::builder().layer(layer).build().unwrap();
    sender.send("1").await.unwrap();
    let ended = sender.send("2").await.unwrap_err();
    assert!(ended.is_layer() && ended.chain().to_string().contains("the database is gone"));
    for payload in ["3", "4"] {
        let mut again = sender.send(payload).await.unwrap_err();
        assert!(again.is_layer());
        assert!(
            again.to_string().contains("the database is gone"),
            "{again}"
        );
        assert_eq!(again.take_message().unwrap().payload(), payload);
    }
    assert_eq!(asked_after.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_receive_stack_that_has_ended_is_not_asked_again() {
    let asked_after = Arc::default();
    let layer = layer_fn({
        let asked_after = Arc::clone(&asked_after);
        move |_: ReceivePath| Once {
            called: false,
            ended: false,
            asked_after: Arc::clone(&asked_after),
        }
    });
    let receiver = Socket::builder().receive_layer(layer).build().unwrap();
    let mut events = receiver.events();
    let sender = Socket::new().unwrap();
    sender
        .connect(receiver.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    // Each connection ends with the message that it carried.
    for round in 0..3 {
        within("a peer", sender.wait_for_peers(1)).await.unwrap();
        sender.send(format!("{round} a")).await.unwrap();
        sender.send(format!("{round} b")).await.unwrap();
        let reason = event(&mut events, "the end", |event| match event {
            Event::PeerDown { reason, .. } => Some(reason),
            _ => None,
        })
        .await;
        assert!(
            reason.chain().to_string().contains("the database is gone"),
            "{reason}"
        );
    }
    assert_eq!(asked_after.load(Ordering::Relaxed), 0);
}

/// Passes a message on when it is let go.
fn held(gate: &Gate) -> impl Layer<ReceivePath, Service = Held> + use<> {
    let gate = gate.clone();
    layer_fn(move |inbox| Held {
        inbox,
        gate: gate.clone(),
    })
}

struct Held {
    inbox: ReceivePath,
    gate: Gate,
}

impl Service<Delivery> for Held {
    type Response = ();
    type Error = Error;
    type Future = BoxFuture<'static, Result<(), Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: Delivery) -> Self::Future {
        let (inbox, gate) = (self.inbox.clone(), self.gate.clone());
        Box::pin(async move {
            gate.pass().await;
            inbox.oneshot(message).await
        })
    }
}

/// Pitfall 37: tower's `Buffer` throws a request away whose future is dropped,
/// and that future went with the connection by which the message had come.
#[tokio::test(start_paused = true)]
async fn a_message_in_a_buffer_of_towers_outlives_its_connection() {
    let gate = Gate::new();
    let receiver = Socket::builder()
        .receive_layer(BufferLayer::new(8))
        .receive_layer(ConcurrencyLimitLayer::new(1))
        .receive_layer(held(&gate))
        .build()
        .unwrap();
    let endpoint = receiver.bind("127.0.0.1:0").await.unwrap();
    let send = async |payload| {
        let sender = Socket::new().unwrap();
        sender.connect(endpoint.clone()).unwrap();
        sender.send(payload).await.unwrap();
        sender
    };
    let _first = send("in the hands of the service").await;
    gate.come(1).await;
    let second = send("in the buffer").await;
    until("it to be there", || receiver.stats().received_messages == 2).await;
    second.close(Duration::from_secs(20)).await;
    until("its connection to end", || receiver.stats().peers == 1).await;
    gate.let_go(2);
    for expected in ["in the hands of the service", "in the buffer"] {
        let got = within("a message", receiver.recv()).await.unwrap();
        assert_eq!(got, expected);
    }
}

/// Pitfall 38: each of two stacks held what the other one waited for. A message
/// that passes through two sockets in a circle, with room for one in each, goes
/// round.
#[tokio::test]
async fn two_sockets_that_are_full_of_each_others_messages_go_on() {
    let one = Limits {
        items: 1,
        bytes: 1 << 20,
    };
    let socket = || {
        let builder = Socket::builder().peer_limits(one).receive_limits(one);
        builder.buffer_limits(one).build().unwrap()
    };
    let (a, b) = (socket(), socket());
    let endpoint = a.bind("mem://full-of-each-other").await.unwrap();
    b.connect(endpoint).unwrap();
    let exchange = async |from: &Socket, to: &Socket| {
        let send = async {
            for n in 0..1000 {
                from.send(n.to_string()).await.unwrap();
            }
        };
        let receive = async {
            for n in 0..1000 {
                assert_eq!(to.recv_text().await.unwrap(), n.to_string());
            }
        };
        tokio::join!(send, receive);
    };
    within("both", async {
        tokio::join!(exchange(&a, &b), exchange(&b, &a));
    })
    .await;
}
