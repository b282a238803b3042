//! Messages that are handled by a service, and when they are acknowledged.

mod ending;
mod functions;
mod without_a_service;

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

use super::*;
use aiomsg::message::{DropReason, MessageId};
use aiomsg::{AckMode, Delivery, Error, Limits, Outbound, SocketBuilder};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};
use tower::filter::FilterLayer;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::MapRequestLayer;
use tower::{BoxError, Service, ServiceBuilder, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// A socket that acknowledges what is handled, and where to connect to it.
async fn server() -> (Socket, Endpoint) {
    bound(Socket::builder()).await
}

async fn bound(builder: SocketBuilder) -> (Socket, Endpoint) {
    let socket = builder.ack_mode(AckMode::Handled).build().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    (socket, endpoint)
}

/// A client that sends again what is not acknowledged within a second.
async fn reliable(endpoint: &Endpoint) -> Socket {
    connected(
        Socket::builder().at_least_once().ack_timeout(SECOND),
        endpoint,
    )
    .await
}

/// The same, and so late that it is not before the test is over.
async fn patient(endpoint: &Endpoint) -> Socket {
    let builder = Socket::builder().at_least_once();
    connected(builder.ack_timeout(SECOND * 3600), endpoint).await
}

async fn plain(endpoint: &Endpoint) -> Socket {
    connected(Socket::builder(), endpoint).await
}

async fn connected<M>(builder: SocketBuilder<Id, M>, endpoint: &Endpoint) -> Socket
where
    M: aiomsg::builder::Deliverable,
{
    let socket = builder.build().unwrap();
    socket.connect(endpoint.clone()).unwrap();
    within("the server", socket.wait_for_peers(1))
        .await
        .unwrap();
    socket
}

type Id = tower::layer::util::Identity;

async fn next(socket: &Socket) -> String {
    within("a message", socket.recv_text()).await.unwrap()
}

fn unacknowledged(client: &Socket) -> usize {
    client.stats().unacknowledged_messages
}

async fn acknowledged(client: &Socket) {
    until("all acknowledgements", || unacknowledged(client) == 0).await;
}

/// Nothing that was sent up to now is acknowledged: acknowledgements overtake
/// messages, so one would be there before this message.
async fn still_unacknowledged(server: &Socket, client: &Socket, messages: usize) {
    let identity = client.identity().clone();
    server.send_to(identity, "no news").await.unwrap();
    assert_eq!(next(client).await, "no news");
    assert_eq!(unacknowledged(client), messages);
}

async fn refused(events: &mut Events) -> (Delivery, Arc<Error>) {
    event(events, "a refusal", |event| match event {
        Event::Refused { message, error } => Some((message, error)),
        _ => None,
    })
    .await
}

fn shout() -> impl Service<Delivery, Response = Vec<u8>, Error = Error, Future: Send> + Clone + Send
{
    service_fn(|message: Delivery| async move { Ok(message.payload().to_ascii_uppercase()) })
}

fn spawn<F>(serve: F) -> JoinHandle<Result<(), Error>>
where
    F: IntoFuture<Output = Result<(), Error>, IntoFuture: Send + 'static>,
{
    tokio::spawn(serve.into_future())
}

async fn ended(serving: JoinHandle<Result<(), Error>>) -> Result<(), Error> {
    within("the end of serving", serving).await.unwrap()
}

/// A handler that answers in capitals what passes the gate.
fn held(
    gate: &Gate,
) -> impl Service<Delivery, Response = Vec<u8>, Error = Error, Future: Send> + Clone + Send + use<>
{
    let gate = gate.clone();
    service_fn(move |message: Delivery| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            Ok(message.payload().to_ascii_uppercase())
        }
    })
}

// ===== replies =====

#[tokio::test]
async fn a_reply_goes_to_the_peer_that_asked() {
    let (server, endpoint) = server().await;
    let serving = spawn(server.serve(shout()));
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(plain(&endpoint).await);
    }
    for n in 0..20 {
        for (c, client) in clients.iter().enumerate() {
            client.send(format!("{n} of {c}")).await.unwrap();
        }
    }
    for (c, client) in clients.iter().enumerate() {
        for n in 0..20 {
            assert_eq!(next(client).await, format!("{n} OF {c}"));
        }
    }
    server.close(SECOND).await;
    ended(serving).await.unwrap();
    for client in &clients {
        assert_eq!(client.stats().unreceived_messages, 0);
    }
}

/// A handler may answer, or not.
#[tokio::test]
async fn no_reply_is_none() {
    let (server, endpoint) = server().await;
    let some = service_fn(|message: Delivery| async move {
        let wants = message.payload().ends_with(b"?");
        Ok::<_, Error>(wants.then_some("yes"))
    });
    spawn(server.serve(some));
    let client = patient(&endpoint).await;
    for payload in ["one", "two", "three?"] {
        client.send(payload).await.unwrap();
    }
    assert_eq!(next(&client).await, "yes");
    acknowledged(&client).await;
    assert_eq!(server.stats().sent_messages, 1);
}

/// The layers of the send path see replies, and when one refuses, the message
/// was handled all the same.
#[tokio::test]
async fn a_reply_that_a_layer_refuses_is_reported() {
    let server = Socket::builder()
        .ack_mode(AckMode::Handled)
        .layer(FilterLayer::new(|message: Outbound| {
            match message.payload().starts_with(b"SECRET") {
                true => Err("it stays here"),
                false => Ok(message),
            }
        }))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut events = server.events();
    spawn(server.serve(shout()));
    let client = patient(&endpoint).await;
    client.send("secret").await.unwrap();
    client.send("no secret").await.unwrap();
    assert_eq!(next(&client).await, "NO SECRET");
    acknowledged(&client).await;
    let (message, reason) = event(&mut events, "the drop", |event| match event {
        Event::Dropped { message, reason } => Some((message, reason)),
        _ => None,
    })
    .await;
    assert_eq!(message.payload(), "SECRET");
    assert_eq!(message.peer(), Some(client.identity()));
    assert_eq!(reason, DropReason::ReplyRefused);
    assert_eq!(server.stats().refused_messages, 0);
}

// ===== how many at once =====

#[tokio::test(start_paused = true)]
async fn so_many_are_handled_at_once_and_no_more() {
    for concurrency in [1, 2, 6] {
        let (server, endpoint) = server().await;
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (at_once, seen) = (Arc::clone(&now), Arc::clone(&most));
        let slow = service_fn(move |_: Delivery| {
            let (now, most) = (Arc::clone(&at_once), Arc::clone(&seen));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                sleep(SECOND).await;
                now.fetch_sub(1, Ordering::Relaxed);
                Ok::<_, Error>("done")
            }
        });
        spawn(server.serve(slow).concurrency(concurrency));
        let client = plain(&endpoint).await;
        let start = Instant::now();
        for n in 0..12 {
            client.send(n.to_string()).await.unwrap();
        }
        for _ in 0..12 {
            assert_eq!(next(&client).await, "done");
        }
        assert_eq!(most.load(Ordering::Relaxed), concurrency);
        let least = SECOND * 12 / u32::try_from(concurrency).unwrap();
        assert!(start.elapsed() >= least, "{:?}", start.elapsed());
    }
}

/// None at all would be for ever.
#[tokio::test]
async fn a_concurrency_of_zero_is_one() {
    let (server, endpoint) = server().await;
    spawn(server.serve(shout()).concurrency(0));
    let client = plain(&endpoint).await;
    client.send("hello").await.unwrap();
    assert_eq!(next(&client).await, "HELLO");
}

/// Ready when it is told, which it asks for anew with each message.
struct WhenTold {
    told: watch::Receiver<bool>,
    waiting: Option<BoxFuture<'static, ()>>,
}

impl Service<Delivery> for WhenTold {
    type Response = ();
    type Error = Error;
    type Future = std::future::Ready<Result<(), Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut told = self.told.clone();
        let waiting = self.waiting.get_or_insert_with(|| {
            Box::pin(async move {
                told.wait_for(|told| *told).await.unwrap();
            })
        });
        waiting.as_mut().poll(cx).map(|()| {
            self.waiting = None;
            Ok(())
        })
    }

    fn call(&mut self, _: Delivery) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

fn when_told() -> (watch::Sender<bool>, WhenTold) {
    let (tell, told) = watch::channel(false);
    let waiting = None;
    (tell, WhenTold { told, waiting })
}

#[tokio::test]
async fn a_handler_that_is_never_ready_stops_the_sender_in_the_end() {
    let (server, endpoint) = bound(Socket::builder().receive_limits(Limits {
        items: 4,
        bytes: 1 << 20,
    }))
    .await;
    let (tell, handler) = when_told();
    spawn(server.serve(handler));
    let client = plain(&endpoint).await;
    let payload = vec![0; 100_000];
    let mut sent = 0_u64;
    within("the sender to be held back", async {
        while let Ok(accepted) = tokio::time::timeout(SECOND, client.send(payload.clone())).await {
            accepted.unwrap();
            sent += 1;
        }
    })
    .await;
    // Four that wait in the inbox, one that was taken, and one that was read.
    let stats = server.stats();
    assert!(stats.unreceived_messages <= 5, "{stats:?}");
    assert!(sent > stats.received_messages, "{sent} and {stats:?}");

    // It was the handler, and nothing else.
    tell.send(true).unwrap();
    for _ in 0..10 {
        within("room", client.send(payload.clone())).await.unwrap();
    }
    assert!(client.close(SECOND * 20).await.is_clean());
    until("all to arrive", || {
        server.stats().received_messages == sent + 10
    })
    .await;
}

/// A permit that others want is not held while there is nothing to do.
#[tokio::test]
async fn two_servers_share_a_concurrency_limit_and_neither_starves() {
    let one_at_once = GlobalConcurrencyLimitLayer::new(1);
    let mut clients = Vec::new();
    for _ in 0..2 {
        let (server, endpoint) = server().await;
        let handler = ServiceBuilder::new()
            .layer(one_at_once.clone())
            .service(shout());
        spawn(server.serve(handler));
        clients.push(plain(&endpoint).await);
    }
    for n in 0..10 {
        // Sometimes the one, sometimes the other, sometimes both.
        for client in &clients[n % 2..] {
            client.send(format!("message {n}")).await.unwrap();
        }
        for client in &clients[n % 2..] {
            assert_eq!(next(client).await, format!("MESSAGE {n}"));
        }
    }
}

// ===== acknowledging =====

#[tokio::test]
async fn acknowledged_when_the_handler_is_done_and_not_before() {
    let (server, endpoint) = server().await;
    let gate = Gate::new();
    spawn(server.serve(held(&gate)));
    let client = patient(&endpoint).await;
    for payload in ["one", "two"] {
        client.send(payload).await.unwrap();
    }
    gate.come(2).await;
    still_unacknowledged(&server, &client, 2).await;

    gate.let_go(1);
    assert_eq!(next(&client).await, "ONE");
    until("one acknowledgement", || unacknowledged(&client) == 1).await;
    still_unacknowledged(&server, &client, 1).await;

    gate.let_go(1);
    assert_eq!(next(&client).await, "TWO");
    acknowledged(&client).await;
}

/// How a handler can fail.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Failure {
    Error,
    Panic,
    /// Before there is a future.
    PanicInCall,
}

#[tokio::test(start_paused = true)]
async fn what_the_handler_fails_on_is_refused_and_sent_again() {
    for failure in [Failure::Error, Failure::Panic, Failure::PanicInCall] {
        let (server, endpoint) = server().await;
        let mut events = server.events();
        let seen: Arc<Mutex<Vec<MessageId>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let second_try = service_fn(move |message: Delivery| {
            let mut seen = noted.lock().unwrap();
            seen.push(message.id().expect("it asks for an acknowledgement"));
            let fails = seen.len() == 1;
            drop(seen);
            if fails && failure == Failure::PanicInCall {
                panic!("as the test wants");
            }
            async move {
                match fails {
                    true if failure == Failure::Panic => panic!("as the test wants"),
                    true => Err("not now"),
                    false => Ok(message.payload().to_ascii_uppercase()),
                }
            }
        });
        let serving = spawn(server.serve(second_try));
        let client = reliable(&endpoint).await;
        client.send("do it").await.unwrap();

        let (message, error) = refused(&mut events).await;
        assert_eq!(message.payload(), "do it");
        assert_eq!(message.from(), client.identity());
        assert!(error.is_layer(), "{error}");
        match failure {
            Failure::Error => assert_eq!(error.source().unwrap().to_string(), "not now"),
            _ => assert!(error.to_string().contains("panicked"), "{error}"),
        }
        assert_eq!(server.stats().refused_messages, 1);

        assert_eq!(next(&client).await, "DO IT", "{failure:?}");
        acknowledged(&client).await;
        server.close(SECOND).await;
        ended(serving).await.unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 2, "{failure:?}");
        assert_eq!(seen[0], seen[1], "the same message");
    }
}

/// One that always fails costs nobody else anything.
#[tokio::test]
async fn a_message_that_fails_does_not_disturb_the_others() {
    let (server, endpoint) = server().await;
    let picky = service_fn(|message: Delivery| async move {
        assert!(!message.payload().starts_with(b"panic"));
        match message.payload().starts_with(b"bad") {
            true => Err(BoxError::from("a bad message")),
            false => Ok(message.payload().to_ascii_uppercase()),
        }
    });
    spawn(server.serve(picky));
    let client = patient(&endpoint).await;
    for payload in ["bad", "good", "panic", "well"] {
        client.send(payload).await.unwrap();
    }
    assert_eq!(next(&client).await, "GOOD");
    assert_eq!(next(&client).await, "WELL");
    until("two acknowledgements", || unacknowledged(&client) == 2).await;
    until("two refusals", || server.stats().refused_messages == 2).await;
    still_unacknowledged(&server, &client, 2).await;
}
