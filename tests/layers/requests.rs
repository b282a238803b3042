//! Requests and replies over connections, and tower's layers around them.

mod failures;
mod towers;

use std::sync::Mutex;

use super::*;
use aiomsg::layer::{ReplyLayer, Requests};
use aiomsg::parts::layers::request::Request;
use aiomsg::{AckMode, Delivery, Error, SendMode, SocketBuilder};
use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep};
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PendingRequests};
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::util::BoxCloneService;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// A socket that asks, and what goes around it for that.
fn asking(builder: SocketBuilder, requests: &Requests) -> (Socket, Request<Socket>) {
    let socket = builder.receive_layer(requests.answers()).build().unwrap();
    let ask = requests.layer().layer(socket.clone());
    (socket, ask)
}

/// The same, connected to these.
async fn asker(requests: &Requests, endpoints: &[Endpoint]) -> (Socket, Request<Socket>) {
    let (socket, ask) = asking(Socket::builder(), requests);
    for endpoint in endpoints {
        socket.connect(endpoint.clone()).unwrap();
    }
    within("the servers", socket.wait_for_peers(endpoints.len()))
        .await
        .unwrap();
    (socket, ask)
}

/// A socket that answers, with this service of payloads.
async fn answering<H>(handler: H) -> (Socket, Endpoint)
where
    H: Service<Bytes, Response: Into<Bytes>, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    let (socket, endpoint) = receiver().await;
    serve(&socket, handler);
    (socket, endpoint)
}

fn serve<H>(socket: &Socket, handler: H)
where
    H: Service<Bytes, Response: Into<Bytes>, Error: Into<BoxError>, Future: Send + 'static>
        + Send
        + 'static,
{
    let handler = ReplyLayer::new().layer(handler);
    tokio::spawn(socket.serve(handler).concurrency(1_000).into_future());
}

/// Says who it is, and what it was asked; at once, or after so long.
fn echo(
    name: &'static str,
    after: Duration,
) -> impl Service<Bytes, Response = String, Error = Error, Future: Send> + Clone + Send {
    service_fn(move |payload: Bytes| async move {
        if !after.is_zero() {
            sleep(after).await;
        }
        Ok(format!("{name}: {}", String::from_utf8_lossy(&payload)))
    })
}

async fn ask<S>(service: &S, payload: impl Into<Bytes>) -> Result<String, S::Error>
where
    S: Service<Bytes, Response = Bytes> + Clone,
{
    let answer = within("an answer", service.clone().oneshot(payload.into())).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

// ===== asking and answering =====

#[tokio::test]
async fn many_requests_at_once_each_get_their_answer() {
    let (server, endpoint) = answering(echo("server", Duration::ZERO)).await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        let requests = Requests::new();
        let (socket, service) = asker(&requests, std::slice::from_ref(&endpoint)).await;
        asked.push((requests, socket, service));
    }
    let mut pending = Vec::new();
    for n in 0..1_000 {
        for (c, (_, _, service)) in asked.iter().enumerate() {
            let service = service.clone();
            pending.push(async move {
                let answer = ask(&service, format!("{n} of {c}")).await.unwrap();
                assert_eq!(answer, format!("server: {n} of {c}"));
            });
        }
    }
    join_all(pending).await;
    for (requests, socket, _) in &asked {
        assert!(requests.is_empty());
        assert_eq!((requests.late(), requests.unknown()), (0, 0));
        assert_eq!(socket.stats().unreceived_messages, 0);
    }
    assert_eq!(server.stats().received_messages, 3_000);
}

#[tokio::test(start_paused = true)]
async fn answers_come_in_any_order() {
    let last_first = service_fn(|payload: Bytes| async move {
        let n: u32 = String::from_utf8_lossy(&payload).parse().unwrap();
        sleep(SECOND / 100 * (100 - n)).await;
        Ok::<_, Error>(payload)
    });
    let (_server, endpoint) = answering(last_first).await;
    let requests = Requests::new();
    let (_socket, service) = asker(&requests, &[endpoint]).await;
    let pending: FuturesUnordered<_> = (0..100_u32)
        .map(|n| {
            let service = &service;
            async move {
                assert_eq!(ask(service, n.to_string()).await.unwrap(), n.to_string());
                n
            }
        })
        .collect();
    let order: Vec<_> = pending.collect().await;
    assert_eq!(order, (0..100).rev().collect::<Vec<_>>());
}

/// What is no answer is received as ever.
#[tokio::test]
async fn other_messages_pass_the_answers() {
    let (server, endpoint) = answering(echo("server", Duration::ZERO)).await;
    let requests = Requests::new();
    let (socket, service) = asker(&requests, &[endpoint]).await;
    for n in 0..10 {
        let news = format!("news {n}");
        let who = socket.identity().clone();
        server.send_to(who, news.clone()).await.unwrap();
        assert_eq!(ask(&service, "x").await.unwrap(), "server: x");
        assert_eq!(within("news", socket.recv()).await.unwrap(), news);
    }
    assert_eq!(socket.stats().unreceived_messages, 0);
}

#[tokio::test]
async fn one_of_several_peers_is_asked() {
    let names = ["one", "two", "three"];
    let (mut servers, mut endpoints) = (Vec::new(), Vec::new());
    for name in names {
        let (server, endpoint) = answering(echo(name, Duration::ZERO)).await;
        servers.push(server);
        endpoints.push(endpoint);
    }
    let requests = Requests::new();
    let (_socket, service) = asker(&requests, &endpoints).await;
    for _ in 0..10 {
        for (server, name) in servers.iter().zip(names) {
            let one = service.clone().to(server.identity().clone());
            assert_eq!(ask(&one, "?").await.unwrap(), format!("{name}: ?"));
        }
    }
    // And by whose turn it is, if none is named.
    let mut turns = Vec::new();
    for _ in 0..6 {
        turns.push(ask(&service, "?").await.unwrap());
    }
    turns.sort();
    assert_eq!(
        turns,
        [
            "one: ?", "one: ?", "three: ?", "three: ?", "two: ?", "two: ?"
        ]
    );
}

/// All are asked, and the first who answers is heard.
#[tokio::test]
async fn the_first_answer_of_all_peers_counts() {
    let (mut servers, mut endpoints) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (server, endpoint) = answering(echo("one of three", Duration::ZERO)).await;
        servers.push(server);
        endpoints.push(endpoint);
    }
    let requests = Requests::new();
    let builder = Socket::builder().send_mode(SendMode::Publish);
    let (socket, service) = asking(builder, &requests);
    for endpoint in endpoints {
        socket.connect(endpoint).unwrap();
    }
    within("the servers", socket.wait_for_peers(3))
        .await
        .unwrap();
    assert_eq!(ask(&service, "?").await.unwrap(), "one of three: ?");
    until("the others", || requests.late() == 2).await;
    assert_eq!(requests.unknown(), 0);
    assert_eq!(socket.stats().unreceived_messages, 0);
}

/// What cannot be sent comes back as it was, at once.
#[tokio::test]
async fn a_request_on_a_closed_socket_comes_back() {
    let requests = Requests::new();
    let (socket, service) = asking(Socket::builder(), &requests);
    socket.close(Duration::ZERO).await;
    let mut error = ask(&service, "x").await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(error.take_message().unwrap().payload(), "x");
    assert!(requests.is_empty());
}

/// The server of a request that is none says so, and goes on.
#[tokio::test]
async fn a_message_that_is_no_request_is_refused() {
    let (server, endpoint) = answering(echo("server", Duration::ZERO)).await;
    let mut events = server.events();
    let requests = Requests::new();
    let (socket, service) = asker(&requests, &[endpoint]).await;
    socket.send("just saying").await.unwrap();
    let (message, error) = event(&mut events, "the refusal", |event| match event {
        Event::Refused { message, error } => Some((message, error)),
        _ => None,
    })
    .await;
    assert_eq!(message.payload(), "just saying");
    assert!(error.is_payload(), "{error}");
    assert_eq!(error.peer(), Some(socket.identity()));
    assert_eq!(ask(&service, "x").await.unwrap(), "server: x");
}

/// At-least-once, and a server that acknowledges what it has answered: a
/// request on which the handler fails is answered at the second try.
#[tokio::test(start_paused = true)]
async fn a_request_that_was_refused_is_sent_again() {
    let server = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    serve(
        &server,
        service_fn(move |payload: Bytes| {
            let fails = counted.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                match fails {
                    true => Err("not now"),
                    false => Ok(payload),
                }
            }
        }),
    );
    let requests = Requests::new();
    let socket = Socket::builder()
        .at_least_once()
        .ack_timeout(SECOND)
        .receive_layer(requests.answers())
        .build()
        .unwrap();
    let service = requests.layer().layer(socket.clone());
    socket
        .connect(server.bind("127.0.0.1:0").await.unwrap())
        .unwrap();
    assert_eq!(ask(&service, "x").await.unwrap(), "x");
    assert_eq!(tries.load(Ordering::Relaxed), 2);
    until("the acknowledgement", || {
        socket.stats().unacknowledged_messages == 0
    })
    .await;
    assert_eq!((requests.late(), requests.unknown()), (0, 0));
}

// ===== the end =====

/// It waited for the 30 s of its own timeout.
#[tokio::test]
async fn a_request_that_waits_when_its_socket_closes_is_closed() {
    let never = service_fn(|_: Bytes| std::future::pending::<Result<Bytes, Error>>());
    let (_server, endpoint) = answering(never).await;
    let requests = Requests::new();
    let (socket, service) = asker(&requests, &[endpoint]).await;
    let asked = tokio::spawn(service.oneshot("anyone there?".into()));
    until("the request", || socket.stats().sent_messages == 1).await;
    socket.close(Duration::ZERO).await;
    let error = within("the end", asked).await.unwrap().unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert!(requests.is_empty());
}

/// The same when the runtime of the socket ends, and that of the caller does not.
#[tokio::test]
async fn a_request_that_waits_when_the_runtime_of_its_socket_ends_is_closed() {
    let never = service_fn(|_: Bytes| std::future::pending::<Result<Bytes, Error>>());
    let (_server, endpoint) = answering(never).await;
    let other = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let requests = Requests::new();
    let (socket, service) = {
        let _entered = other.enter();
        asking(Socket::builder(), &requests)
    };
    socket.connect(endpoint).unwrap();
    let asked = tokio::spawn(service.oneshot("anyone there?".into()));
    until("the request", || socket.stats().sent_messages == 1).await;
    other.shutdown_background();
    let error = within("the end", asked).await.unwrap().unwrap_err();
    assert!(error.is_closed(), "{error}");
}

/// Each peer knew from one request how the others were asked, and its answer counted.
#[tokio::test]
async fn a_peer_cannot_answer_what_others_are_asked() {
    let requests = Requests::new();
    let (socket, ask) = asking(Socket::builder(), &requests);
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let [honest, forger] = [(); 2].map(|()| Socket::new().unwrap());
    honest.connect(endpoint.clone()).unwrap();
    forger.connect(endpoint).unwrap();
    within("both", socket.wait_for_peers(2)).await.unwrap();
    let asked = |n: u32| tokio::spawn(ask.clone().oneshot(n.to_string().into()));
    let (first, second) = (asked(1), asked(2));
    let to_honest = within("one", honest.recv_message()).await.unwrap();
    let to_forger = within("the other", forger.recv_message()).await.unwrap();
    // Around the id that it knows: what comes before and after it in any digit.
    let known = to_forger.payload().clone();
    let end = known.iter().position(|&byte| byte == 0).unwrap();
    let mut forged = 0;
    for at in 0..end {
        for step in [1, 255] {
            let mut id = known[..=end].to_vec();
            id[at] = id[at].wrapping_add(step);
            id.extend(b"forged");
            forger.send(id).await.unwrap();
            forged += 1;
        }
    }
    until("what is forged", || requests.unknown() == forged).await;
    for (socket, message) in [(&honest, &to_honest), (&forger, &to_forger)] {
        socket.send(message.payload().clone()).await.unwrap();
    }
    for (asked, answer) in [(first, "1"), (second, "2")] {
        assert_eq!(within("an answer", asked).await.unwrap().unwrap(), answer);
    }
}
