mod wire;

mod answering;
mod failures;
mod middleware;

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::id::end_of_id;
use super::ids::Ids;
use super::*;
use crate::queue::Queue;
use aiomsg_core::{BoxError, Delivery, Error, ErrorKind, Identity, Limits, Outbound};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use tokio::time::{Instant, sleep, timeout};
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PendingRequests};
use tower::retry::{Policy, RetryLayer};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const SECOND: Duration = Duration::from_secs(1);

/// Takes every message.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<Outbound>>>);

impl Wire {
    fn service(
        &self,
    ) -> impl Service<Outbound, Response = (), Error = Error, Future: Send + Unpin> + Clone + use<>
    {
        let wire = self.clone();
        service_fn(move |message: Outbound| {
            wire.0.lock().unwrap().push(message);
            std::future::ready(Ok(()))
        })
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The id and the payload of a sent message.
    fn sent(&self, at: usize) -> (Bytes, Bytes) {
        let mut payload = self.0.lock().unwrap()[at].payload().clone();
        let id = payload.split_to(payload.iter().position(|byte| *byte == 0).unwrap());
        (id, payload.slice(1..))
    }

    fn id(&self, at: usize) -> Bytes {
        self.sent(at).0
    }
}

/// The receive path: answers for requests, and the messages for `recv`.
#[derive(Clone)]
struct Arriving {
    requests: Requests,
    inbox: Arc<Mutex<Vec<Delivery>>>,
    /// Receives answers between two messages.
    _listener: Answers<()>,
}

impl Arriving {
    fn new(requests: &Requests) -> Self {
        Self {
            requests: requests.clone(),
            inbox: Arc::default(),
            _listener: requests.answers().layer(()),
        }
    }

    /// Whether the message was forwarded.
    fn take(&self, from: &Identity, payload: impl Into<Bytes>) -> bool {
        let inbox = self.inbox.clone();
        let inner = service_fn(move |message: Delivery| {
            inbox.lock().unwrap().push(message);
            std::future::ready(Ok::<_, Error>(()))
        });
        let message = Delivery::new(from.clone(), payload.into());
        let taken = self.requests.answers().layer(inner).oneshot(message);
        let passed_on = taken.now_or_never().unwrap().unwrap().is_some();
        assert_eq!(passed_on, self.inbox.lock().unwrap().pop().is_some());
        passed_on
    }

    fn answer(&self, from: &Identity, id: &[u8], payload: &str) {
        assert!(!self.take(from, [id, b"\0", payload.as_bytes()].concat()));
    }
}

fn peer(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

/// A peer that answers after this time.
fn answering(
    requests: &Requests,
    name: &'static str,
    after: Duration,
) -> impl Service<Outbound, Response = (), Error = Error, Future: Send> + Clone + use<> {
    let arriving = Arriving::new(requests);
    service_fn(move |message: Outbound| {
        let arriving = arriving.clone();
        tokio::spawn(async move {
            sleep(after).await;
            let server = ReplyLayer::new().layer(service_fn(move |payload: Bytes| async move {
                let payload = String::from_utf8_lossy(&payload).into_owned();
                Ok::<_, Error>(format!("{name}: {payload}"))
            }));
            let request = Delivery::new(peer("asker"), message.into_payload());
            let answer = server.oneshot(request).await.unwrap();
            assert!(!arriving.take(&peer(name), answer));
        });
        std::future::ready(Ok(()))
    })
}

async fn ask<S>(service: &S, payload: &'static str) -> Result<Bytes, S::Error>
where
    S: Service<Bytes, Response = Bytes> + Clone,
{
    service.clone().oneshot(payload.into()).await
}

/// Calls a service that is ready, and lets the request be sent.
fn start<S>(service: &mut S, payload: &'static str) -> Pin<Box<S::Future>>
where
    S: Service<Bytes, Response = Bytes, Error = Error>,
{
    service.ready().now_or_never().unwrap().unwrap();
    let mut future = Box::pin(service.call(payload.into()));
    assert!((&mut future).now_or_never().is_none());
    future
}

// ===== asking =====

#[tokio::test(start_paused = true)]
async fn an_answer_completes_its_request() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let request = start(&mut service, "question");
    assert_eq!(requests.len(), 1);
    arriving.answer(&peer("p"), &wire.id(0), "a\0b");
    assert_eq!(
        request.await.unwrap(),
        "a\0b",
        "from anyone, zero bytes and all"
    );
    assert!(requests.is_empty());
    assert_eq!((requests.late(), requests.unknown()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn many_are_answered_out_of_order() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let pending: Vec<_> = (0..1000).map(|_| start(&mut service, "n")).collect();
    let pending = tokio::spawn(join_all(pending));
    tokio::task::yield_now().await;
    for at in (0..1000).rev() {
        arriving.answer(&peer("p"), &wire.id(at), &at.to_string());
    }
    for (at, answer) in pending.await.unwrap().into_iter().enumerate() {
        assert_eq!(answer.unwrap(), at.to_string());
    }
    assert!(requests.is_empty());
}

/// As in a stack that answers within the send itself.
#[tokio::test(start_paused = true)]
async fn an_answer_may_come_before_the_request_counts_as_sent() {
    let requests = Requests::new();
    let arriving = Arriving::new(&requests);
    let slow = service_fn(move |message: Outbound| {
        let payload = message.payload();
        arriving.answer(&peer("p"), &payload[..end_of_id(payload).unwrap()], "early");
        async {
            sleep(SECOND).await;
            Ok::<_, Error>(())
        }
    });
    let service = requests.layer().layer(slow);
    assert_eq!(ask(&service, "x").await.unwrap(), "early");
    assert!(requests.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_is_counted_and_not_delivered() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let request = start(&mut service, "question");
    arriving.answer(&peer("p"), &wire.id(0), "one");
    arriving.answer(&peer("p"), &wire.id(0), "two");
    assert_eq!(
        (requests.late(), requests.unknown()),
        (1, 0),
        "not yet taken"
    );
    assert_eq!(request.await.unwrap(), "one");
    arriving.answer(&peer("p"), &wire.id(0), "three");
    assert_eq!((requests.late(), requests.unknown()), (2, 0));

    let mut not_given_yet = wire.id(0).to_vec();
    let last = not_given_yet.last_mut().unwrap();
    *last = if *last == b'1' { b'2' } else { b'1' };
    arriving.answer(&peer("p"), &not_given_yet, "from the future");
    arriving.answer(&peer("p"), b"7", "somebody else's");
    assert_eq!((requests.late(), requests.unknown()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn time_is_up_after_thirty_seconds_and_the_place_is_free() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service()).to(peer("p"));
    let begin = Instant::now();
    let mut request = start(&mut service, "question");
    let mut error = (&mut request).await.unwrap_err();
    assert_eq!(begin.elapsed(), Requests::TIMEOUT);
    assert!(error.is_timeout());
    assert_eq!(
        error.to_string(),
        "peer 70: timed out: there was no answer within 30s"
    );
    assert!(error.take_message().is_none(), "it was sent");
    assert!(requests.is_empty(), "while the future is still there");
    arriving.answer(&peer("p"), &wire.id(0), "at last");
    assert_eq!((requests.late(), requests.unknown()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn handles_have_times_of_their_own_and_a_common_table() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let quick = requests.clone().timeout(SECOND);
    let quick = quick.layer().layer(wire.service());
    let begin = Instant::now();
    assert!(ask(&quick, "x").await.unwrap_err().is_timeout());
    assert_eq!(begin.elapsed(), SECOND);
    Arriving::new(&requests).answer(&peer("p"), &wire.id(0), "late");
    assert_eq!(requests.late(), 1);
    let forever = requests.clone().timeout(Duration::MAX);
    let mut forever = forever.layer().layer(wire.service());
    let request = start(&mut forever, "x");
    assert!(timeout(SECOND * 1_000_000, request).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_frees_its_place() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let request = start(&mut service, "question");
    drop(request);
    assert!(requests.is_empty());
    arriving.answer(&peer("p"), &wire.id(0), "late");
    assert_eq!(requests.late(), 1);

    let request = start(&mut service, "question");
    arriving.answer(&peer("p"), &wire.id(1), "in time, but not taken");
    drop(request);
    assert!(requests.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_table_makes_callers_wait() {
    let (wire, requests) = (Wire::default(), Requests::new().limit(2));
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let first = start(&mut service, "a");
    let second = start(&mut service, "b");
    assert!(service.ready().now_or_never().is_none());

    // Each way to free a place wakes a waiting task.
    let wait = |mut service: Request<_>| {
        let waiting = tokio::spawn(async move { service.ready().await.map(drop) });
        async { timeout(SECOND, waiting).await.unwrap().unwrap().unwrap() }
    };
    let waiting = wait(service.clone());
    tokio::task::yield_now().await;
    arriving.answer(&peer("p"), &wire.id(0), "done");
    assert_eq!(first.await.unwrap(), "done");
    waiting.await;

    let third = start(&mut service, "c");
    let waiting = wait(service.clone());
    tokio::task::yield_now().await;
    drop(third);
    waiting.await;

    let fourth = start(&mut service, "d");
    let waiting = wait(service.clone());
    tokio::task::yield_now().await;
    let requests = requests.limit(3);
    waiting.await;
    drop(second);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests.clone().limit(0).len(), 1);
    drop(fourth);
    assert!(
        service.ready().now_or_never().is_some(),
        "a limit of 0 is one of 1"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_comes_back_as_it_was() {
    let requests = Requests::new();
    let failing = service_fn(|message: Outbound| async {
        Err::<(), _>(Error::new(ErrorKind::Closed).with_message(message))
    });
    let service = requests.layer().layer(failing).to(peer("p"));
    let mut error = ask(&service, "question").await.unwrap_err();
    assert!(error.is_closed());
    assert_eq!(
        error.take_message(),
        Some(Outbound::new("question").to(peer("p")))
    );
    assert!(requests.is_empty());

    let mut request = Box::pin(service.clone().call("question".into()));
    assert!((&mut request).await.unwrap_err().is_closed());
    assert!(requests.is_empty(), "while the future is still there");

    let foreign = service_fn(|_: Outbound| async { Err::<(), BoxError>("no".into()) });
    let mut error = ask(&requests.layer().layer(foreign), "question")
        .await
        .unwrap_err();
    assert!(error.is_layer());
    assert_eq!(error.take_message(), Some(Outbound::new("question")));

    let stuck = service_fn(|_: Outbound| std::future::pending::<Result<(), Error>>());
    let mut request = start(&mut requests.layer().layer(stuck), "question");
    let mut error = (&mut request).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "timed out: the request was not sent within 30s"
    );
    assert_eq!(error.take_message(), Some(Outbound::new("question")));
    assert!(requests.is_empty());
}

#[test]
fn a_service_that_fails_to_become_ready_is_an_error() {
    let queue = Queue::<Outbound>::new(Limits { items: 1, bytes: 1 });
    queue.close();
    let requests = Requests::new();
    let asked = requests.layer().layer(queue).oneshot("x".into());
    assert!(asked.now_or_never().unwrap().unwrap_err().is_layer());
    assert!(requests.is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_peer_cannot_answer() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service()).to(peer("asked"));
    let mut request = start(&mut service, "question");
    assert_eq!(wire.0.lock().unwrap()[0].peer(), Some(&peer("asked")));
    arriving.answer(&peer("other"), &wire.id(0), "a lie");
    assert_eq!((requests.late(), requests.unknown()), (0, 1));
    assert!((&mut request).now_or_never().is_none());
    arriving.answer(&peer("asked"), &wire.id(0), "the truth");
    assert_eq!(request.await.unwrap(), "the truth");
}

// ===== the end =====

/// They waited for 30 s.
#[tokio::test(start_paused = true)]
async fn a_request_whose_answers_nobody_hears_any_more_is_closed() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let waiting = start(&mut service, "to anyone");
    let mut to = service.clone().to(peer("p"));
    let asked = start(&mut to, "to one");
    let answered = start(&mut service, "answered");
    arriving.answer(&peer("p"), &wire.id(2), "yes");
    let (begin, another) = (Instant::now(), arriving.clone());
    drop(arriving);
    let mut waiting = waiting;
    assert!((&mut waiting).now_or_never().is_none(), "another hears");
    drop(another);
    assert!(waiting.await.unwrap_err().is_closed());
    let error = asked.await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert_eq!(error.peer(), Some(&peer("p")));
    assert_eq!(answered.await.unwrap(), "yes");
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert!(requests.is_empty());

    // A later socket receives the answers to its requests.
    let arriving = Arriving::new(&requests);
    let again = start(&mut service, "again");
    arriving.answer(&peer("p"), &wire.id(3), "yes");
    assert_eq!(again.await.unwrap(), "yes");
}

// ===== any bytes =====

mod properties {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200)) {
            let requests = Requests::new();
            let ids = has_id(&bytes);
            prop_assert_eq!(Arriving::new(&requests).take(&peer("p"), bytes.clone()), !ids);
            prop_assert_eq!(requests.unknown(), u64::from(ids));
            prop_assert_eq!(echo(bytes.clone()).is_ok(), ids);
            prop_assert_eq!(Ids::new().number_of(&bytes), None);
        }

        #[test]
        fn any_id_and_payload_come_back(
            id in vec(1u8.., 0..64),
            payload in vec(any::<u8>(), 0..200),
        ) {
            let request = [&id[..], b"\0", &payload].concat();
            prop_assert_eq!(echo(request.clone()).unwrap(), request);
        }

        #[test]
        fn any_number_makes_an_id_of_ours(number in any::<u64>()) {
            let ids = Ids::new();
            let id = ids.id_of(number);
            prop_assert!(!id.contains(&0));
            prop_assert_eq!(ids.number_of(&id), Some(number));
        }
    }

    fn has_id(bytes: &[u8]) -> bool {
        bytes.iter().take(64).any(|byte| *byte == 0)
    }

    fn echo(request: Vec<u8>) -> Result<Bytes, Error> {
        let echo = service_fn(|payload: Bytes| async { Ok::<_, Error>(payload) });
        let server = ReplyLayer::new().layer(echo);
        let answer = server.oneshot(Delivery::new(peer("p"), request));
        answer.now_or_never().unwrap()
    }
}
