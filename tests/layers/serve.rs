//! Messages that are handled by a service, and when they are acknowledged.

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

// ===== the end =====

#[tokio::test]
async fn a_graceful_shutdown_finishes_what_it_began() {
    let (server, endpoint) = server().await;
    let gate = Gate::new();
    let (shut_down, signal) = oneshot::channel::<()>();
    let serve = server
        .serve(held(&gate))
        .concurrency(3)
        .with_graceful_shutdown(async {
            signal.await.unwrap();
        });
    let serving = spawn(serve);
    let client = patient(&endpoint).await;
    for payload in ["one", "two", "three", "four"] {
        client.send(payload).await.unwrap();
    }
    gate.come(3).await;
    until("the last", || server.stats().unreceived_messages == 1).await;
    shut_down.send(()).unwrap();
    yield_now().await;
    assert!(!serving.is_finished());

    gate.let_go(3);
    ended(serving).await.unwrap();
    for expected in ["ONE", "TWO", "THREE"] {
        assert_eq!(next(&client).await, expected);
    }
    until("three acknowledgements", || unacknowledged(&client) == 1).await;
    assert_eq!(server.stats().refused_messages, 0);

    // The last was not begun, and is there for others.
    assert_eq!(next(&server).await, "four");
    acknowledged(&client).await;
}

/// A message that waits for the handler is neither begun nor in the inbox.
#[tokio::test]
async fn a_message_that_waited_for_the_handler_at_the_shutdown_is_reported() {
    let (server, endpoint) = server().await;
    let mut events = server.events();
    let (_tell, handler) = when_told();
    let (shut_down, signal) = oneshot::channel::<()>();
    let serve = server.serve(handler).with_graceful_shutdown(async {
        signal.await.unwrap();
    });
    let serving = spawn(serve);
    let client = patient(&endpoint).await;
    client.send("early").await.unwrap();
    until("it to be taken", || {
        let stats = server.stats();
        (stats.received_messages, stats.unreceived_messages) == (1, 0)
    })
    .await;
    shut_down.send(()).unwrap();
    ended(serving).await.unwrap();
    let (message, error) = refused(&mut events).await;
    assert_eq!(message.payload(), "early");
    assert!(error.is_closed(), "{error}");
    still_unacknowledged(&server, &client, 1).await;
}

/// Tells when it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn dropping_the_future_reports_what_was_being_handled() {
    let (server, endpoint) = server().await;
    let mut events = server.events();
    let gate = Gate::new();
    let dropped = Arc::new(AtomicUsize::new(0));
    let (held, dropping) = (gate.clone(), Arc::clone(&dropped));
    let never_done = service_fn(move |_: Delivery| {
        let guard = Dropped(Arc::clone(&dropping));
        let gate = held.clone();
        async move {
            let _guard = guard;
            gate.pass().await;
            Ok::<_, Error>(())
        }
    });
    let serving = spawn(server.serve(never_done).concurrency(2));
    let client = patient(&endpoint).await;
    for payload in ["one", "two", "three"] {
        client.send(payload).await.unwrap();
    }
    gate.come(2).await;
    until("the last", || server.stats().unreceived_messages == 1).await;

    serving.abort();
    let mut reported = Vec::new();
    for _ in 0..2 {
        let (message, error) = refused(&mut events).await;
        assert!(error.is_closed(), "{error}");
        reported.push(message.into_payload());
    }
    reported.sort();
    assert_eq!(reported, ["one", "two"]);
    until("the handlers' end", || dropped.load(Ordering::Relaxed) == 2).await;
    still_unacknowledged(&server, &client, 3).await;

    // Somebody else goes on with the rest.
    spawn(server.serve(shout()));
    assert_eq!(next(&client).await, "THREE");
    until("one acknowledgement", || unacknowledged(&client) == 2).await;
}

/// Ready once, and never again.
struct Once {
    gate: Gate,
    called: bool,
}

impl Service<Delivery> for Once {
    type Response = &'static str;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(match self.called {
            true => Err("the database is gone".into()),
            false => Ok(()),
        })
    }

    fn call(&mut self, _: Delivery) -> Self::Future {
        self.called = true;
        let gate = self.gate.clone();
        Box::pin(async move {
            gate.pass().await;
            Ok("done")
        })
    }
}

#[tokio::test]
async fn a_handler_that_fails_to_become_ready_ends_it() {
    let (server, endpoint) = server().await;
    let mut events = server.events();
    let gate = Gate::new();
    let once = Once {
        gate: gate.clone(),
        called: false,
    };
    let serving = spawn(server.serve(once));
    let client = patient(&endpoint).await;
    for payload in ["one", "two"] {
        client.send(payload).await.unwrap();
    }
    gate.come(1).await;
    until("the second to be taken", || {
        let stats = server.stats();
        (stats.received_messages, stats.unreceived_messages) == (2, 0)
    })
    .await;
    assert!(!serving.is_finished(), "it finishes what it began");

    gate.let_go(1);
    let error = ended(serving).await.unwrap_err();
    assert!(error.is_layer());
    assert_eq!(error.source().unwrap().to_string(), "the database is gone");
    assert_eq!(next(&client).await, "done");
    let (message, _) = refused(&mut events).await;
    assert_eq!(message.payload(), "two");
    until("one acknowledgement", || unacknowledged(&client) == 1).await;
    still_unacknowledged(&server, &client, 1).await;
}

/// `close` does not wait for handlers: whoever wants that shuts down first.
#[tokio::test]
async fn a_close_ends_it_when_all_that_was_begun_is_done() {
    let (server, endpoint) = server().await;
    let mut events = server.events();
    let gate = Gate::new();
    let serving = spawn(server.serve(held(&gate)).concurrency(1));
    let client = plain(&endpoint).await;
    for payload in ["one", "two"] {
        client.send(payload).await.unwrap();
    }
    gate.come(1).await;
    until("the second", || server.stats().unreceived_messages == 1).await;
    within("the close", server.close(SECOND * 20)).await;
    assert!(!serving.is_finished());
    gate.let_go(2);
    ended(serving).await.unwrap();
    // Both were handled, and there was nobody left to be told.
    gate.come(1).await;
    while let Some(event) = events.next().await {
        assert!(!matches!(event, Event::Refused { .. }), "{event:?}");
    }
    assert_eq!(server.stats().dropped_messages, 2);
}

// ===== without a service =====

#[tokio::test]
async fn a_message_is_acknowledged_when_its_receiver_says_so() {
    let (server, endpoint) = server().await;
    let client = patient(&endpoint).await;
    for payload in ["one", "two"] {
        client.send(payload).await.unwrap();
    }
    let one = within("a message", server.recv_message()).await.unwrap();
    let two = within("a message", server.recv_message()).await.unwrap();
    still_unacknowledged(&server, &client, 2).await;
    // In any order.
    assert!(server.acknowledge(&two));
    until("one acknowledgement", || unacknowledged(&client) == 1).await;
    still_unacknowledged(&server, &client, 1).await;
    assert!(server.acknowledge(&one));
    acknowledged(&client).await;

    let careless = plain(&endpoint).await;
    careless.send("three").await.unwrap();
    let three = within("a message", server.recv_message()).await.unwrap();
    assert!(!server.acknowledge(&three), "it asks for none");
    assert!(!three.ack());
}

/// A message knows how to acknowledge itself, and one that is dropped is unacknowledged.
#[tokio::test]
async fn a_message_of_a_stream_acknowledges_itself() {
    use futures::StreamExt;

    let (server, endpoint) = server().await;
    let client = patient(&endpoint).await;
    for payload in ["one", "two"] {
        client.send(payload).await.unwrap();
    }
    let mut deliveries = server.deliveries();
    let one = within("a message", deliveries.next()).await.unwrap();
    drop(within("a message", deliveries.next()).await.unwrap());
    still_unacknowledged(&server, &client, 2).await;
    assert!(one.clone().ack());
    until("one acknowledgement", || unacknowledged(&client) == 1).await;
    still_unacknowledged(&server, &client, 1).await;
}

/// All other ways to receive do not say which message it was, so it counts as
/// handled.
#[tokio::test]
async fn receiving_the_payload_alone_acknowledges() {
    let (server, endpoint) = server().await;
    let client = patient(&endpoint).await;
    let ways: [fn(Socket) -> BoxFuture<'static, String>; 6] = [
        |socket| Box::pin(async move { text(socket.recv().await.unwrap()) }),
        |socket| Box::pin(async move { socket.recv_text().await.unwrap() }),
        |socket| Box::pin(async move { text(socket.recv_identity().await.unwrap().1) }),
        |socket| Box::pin(async move { text(socket.messages().next().await.unwrap()) }),
        |socket| Box::pin(async move { text(socket.identity_messages().next().await.unwrap().1) }),
        |mut socket| Box::pin(async move { text(socket.next().await.unwrap().unwrap()) }),
    ];
    for (n, receive) in ways.into_iter().enumerate() {
        client.send(n.to_string()).await.unwrap();
        until("it to arrive", || server.stats().unreceived_messages == 1).await;
        still_unacknowledged(&server, &client, 1).await;
        let got = within("a message", receive(server.clone())).await;
        assert_eq!(got, n.to_string());
        acknowledged(&client).await;
    }
}

fn text(payload: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(payload.as_ref()).into_owned()
}

/// What arrives is acknowledged at once, unless it is asked for otherwise.
#[tokio::test]
async fn without_that_mode_what_arrives_is_acknowledged() {
    let (server, endpoint) = receiver().await;
    let client = patient(&endpoint).await;
    client.send("x").await.unwrap();
    acknowledged(&client).await;
    assert_eq!(server.stats().unreceived_messages, 1);
}

/// `serve` turns the mode on for a socket that was built without it.
#[tokio::test]
async fn serving_acknowledges_what_is_handled() {
    let (server, endpoint) = receiver().await;
    let gate = Gate::new();
    spawn(server.serve(held(&gate)));
    let client = patient(&endpoint).await;
    client.send("x").await.unwrap();
    gate.come(1).await;
    still_unacknowledged(&server, &client, 1).await;
    gate.let_go(1);
    assert_eq!(next(&client).await, "X");
    acknowledged(&client).await;
}

/// A worker that dies with a job takes nothing along: neither the one that it
/// worked on, nor those that it had not looked at.
#[tokio::test]
async fn a_job_of_a_worker_that_died_goes_to_the_next() {
    let creator = Socket::builder()
        .at_least_once()
        .ack_timeout(SECOND * 3600)
        .build()
        .unwrap();
    let endpoint = creator.bind("127.0.0.1:0").await.unwrap();
    let worker = || {
        let worker = Socket::builder().ack_mode(AckMode::Handled).build();
        let worker = worker.unwrap();
        worker.connect(endpoint.clone()).unwrap();
        worker
    };
    let first = worker();
    for n in 0..3 {
        creator.send(format!("job {n}")).await.unwrap();
    }
    let done = within("a job", first.recv_message()).await.unwrap();
    assert!(first.acknowledge(&done));
    until("one acknowledgement", || unacknowledged(&creator) == 2).await;
    within("a job", first.recv_message()).await.unwrap();
    drop(first);

    let second = worker();
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let job = within("a job", second.recv_message()).await.unwrap();
        assert!(second.acknowledge(&job));
        jobs.push(text(job.payload()));
    }
    jobs.sort();
    assert_eq!(jobs, ["job 1", "job 2"]);
    acknowledged(&creator).await;
}

/// The same with a server that is killed in the middle of handling.
#[tokio::test]
async fn what_a_killed_server_was_handling_is_handled_by_the_next() {
    let (first, endpoint) = server().await;
    let gate = Gate::new();
    let serving = spawn(first.serve(held(&gate)));
    let client = patient(&endpoint).await;
    client.send("hello").await.unwrap();
    gate.come(1).await;
    first.unbind(endpoint.clone()).await.unwrap();
    serving.abort();
    assert!(within("its end", serving).await.unwrap_err().is_cancelled());
    drop(first);

    let second = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    second.bind(endpoint).await.unwrap();
    spawn(second.serve(shout()));
    assert_eq!(next(&client).await, "HELLO");
    acknowledged(&client).await;
}

/// The acknowledgement goes by the connection that there is.
#[tokio::test]
async fn a_client_that_came_back_is_told_that_it_is_done() {
    let (server, endpoint) = server().await;
    let client = patient(&endpoint).await;
    client.send("x").await.unwrap();
    let message = within("a message", server.recv_message()).await.unwrap();
    client.disconnect(endpoint.clone()).unwrap();
    until("its leave", || server.peers().is_empty()).await;
    assert!(!server.acknowledge(&message), "nobody is there");

    client.connect(endpoint).unwrap();
    within("the server", server.wait_for_peers(1))
        .await
        .unwrap();
    assert!(server.acknowledge(&message));
    acknowledged(&client).await;
}

// ===== with layers around the receive path =====

#[tokio::test]
async fn layers_and_then_a_handler() {
    let tell: Arc<AtomicBool> = Arc::default();
    let told = Arc::clone(&tell);
    let server = Socket::builder()
        .ack_mode(AckMode::Handled)
        .receive_layer(FilterLayer::new(|message: Delivery| {
            match message.payload().starts_with(b"bad") {
                true => Err("a bad message"),
                false => Ok(message),
            }
        }))
        .receive_layer(MapRequestLayer::new(move |message: Delivery| {
            told.store(true, Ordering::Relaxed);
            message
        }))
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut events = server.events();
    let client = patient(&endpoint).await;
    client.send("bad").await.unwrap();
    client.send("good").await.unwrap();

    let (message, error) = refused(&mut events).await;
    assert_eq!(message.payload(), "bad");
    assert!(error.is_layer());
    until("the good one", || server.stats().unreceived_messages == 1).await;
    assert!(tell.load(Ordering::Relaxed));
    // The layers are done with it, and it is not handled.
    still_unacknowledged(&server, &client, 2).await;

    spawn(server.serve(shout()));
    assert_eq!(next(&client).await, "GOOD");
    until("one acknowledgement", || unacknowledged(&client) == 1).await;
    still_unacknowledged(&server, &client, 1).await;
}
