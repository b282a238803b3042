//! The standard stack without at-least-once, shared.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use aiomsg_core::{Discard, Limits, Outbound};
use futures::FutureExt;
use tokio::time::sleep;
use tower::{Service, ServiceBuilder, ServiceExt};

use super::Driven;
use crate::buffer::{Buffer, BufferLayer};
use crate::by_identity::{ByIdentity, ByIdentityLayer};
use crate::distribute::{Distribute, PeerSet, Pick, Policy, RoundRobin};
use crate::peers::Peers;
use crate::test_stack::{Peer, name, queue, table, taken};

type Stack<Q> = ByIdentity<Buffer<Distribute<Peer, Q>>, Peer>;
type Shared<Q = RoundRobin> = Driven<Stack<Q>>;

const SMALL: Limits = Limits {
    items: 3,
    bytes: 1 << 20,
};

fn stack<Q>(peers: &Peers<Peer>, policy: Q, limits: Limits) -> Shared<Q>
where
    Q: Policy<Peer> + Send + 'static,
{
    let distribute = Distribute::new(peers, policy);
    let stack = ServiceBuilder::new()
        .layer(ByIdentityLayer::new(peers))
        .layer(BufferLayer::new(limits).while_nobody(distribute.reach()))
        .service(distribute);
    tokio::spawn(stack.expiry().run());
    let (driven, driver) = Driven::new(stack);
    tokio::spawn(driver.run());
    driven
}

fn shared(limits: Limits) -> (Peers<Peer>, Shared) {
    let (peers, _) = table();
    let stack = stack(&peers, RoundRobin::new(), limits);
    (peers, stack)
}

async fn send(stack: &mut Shared, payload: impl aiomsg_core::IntoPayload) {
    let stack = stack.ready().await.unwrap();
    stack.call(Outbound::new(payload)).await.unwrap();
}

fn join(peers: &Peers<Peer>, identity: &str, items: usize) -> Peer {
    let queue = queue(items);
    peers.insert(name(identity), queue.clone());
    queue
}

/// How many messages are held in all.
fn held(stack: &Shared) -> usize {
    let held = stack.with(|stack, _| {
        let buffer = stack.get_ref();
        buffer.len() + buffer.get_ref().len()
    });
    held.unwrap()
}

fn close(stack: &Shared) -> Vec<String> {
    let left = stack.close(|stack| {
        let mail = stack.close();
        let mut left = stack.get_mut().get_mut().drain();
        left.extend(mail);
        left.extend(stack.get_mut().drain());
        left
    });
    left.iter().map(crate::test_stack::text).collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_to_nobody_goes_to_who_comes_in_order() {
    let (peers, mut stack) = shared(BufferLayer::LIMITS);
    for payload in ["1", "2", "3"] {
        send(&mut stack, payload).await;
    }
    assert_eq!(held(&stack), 3);
    let peer = join(&peers, "a", 100);
    send(&mut stack, "4").await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["1", "2", "3", "4"]);
    assert_eq!(held(&stack), 0);
}

#[tokio::test(start_paused = true)]
async fn the_driver_needs_no_caller() {
    let (peers, mut stack) = shared(BufferLayer::LIMITS);
    for payload in ["1", "2", "3"] {
        send(&mut stack, payload).await;
    }
    let peer = join(&peers, "a", 2);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["1", "2"], "as far as there is room");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["3"], "and the rest later");
}

#[tokio::test(start_paused = true)]
async fn what_an_ended_connection_left_needs_no_caller_either() {
    let (peers, mut stack) = shared(BufferLayer::LIMITS);
    let a = join(&peers, "a", 100);
    for payload in ["1", "2"] {
        send(&mut stack, payload).await;
    }
    let b = join(&peers, "b", 100);
    a.close();
    peers.remove(&name("a"));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&b), ["1", "2"]);
}

/// Pitfall 22: a full queue dropped silently.
#[tokio::test(start_paused = true)]
async fn a_full_buffer_makes_the_caller_wait() {
    let (peers, mut stack) = shared(SMALL);
    for payload in ["1", "2", "3"] {
        send(&mut stack, payload).await;
    }
    assert!(stack.ready().now_or_never().is_none());
    let mut waiting = stack.clone();
    let waiting = tokio::spawn(async move { send(&mut waiting, "4").await });
    sleep(Duration::from_secs(1)).await;
    let peer = join(&peers, "a", 100);
    waiting.await.unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn full_peers_make_callers_wait_each_until_there_is_room() {
    let (peers, mut stack) = shared(BufferLayer::LIMITS);
    let peer = join(&peers, "a", 1);
    send(&mut stack, "0").await;
    let callers: Vec<_> = (1..=20)
        .map(|n| {
            let mut stack = stack.clone();
            tokio::spawn(async move { send(&mut stack, n.to_string()).await })
        })
        .collect();
    let mut got = Vec::new();
    for _ in 0..=20 {
        sleep(Duration::from_millis(1)).await;
        got.extend(taken(&peer));
    }
    got.sort_by_key(|n| n.parse::<u32>().unwrap());
    assert_eq!(got, (0..=20).map(|n| n.to_string()).collect::<Vec<_>>());
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_peer_makes_only_those_wait_who_send_to_it() {
    let (peers, mut stack) = shared(BufferLayer::LIMITS);
    let (a, b) = (join(&peers, "a", 1), join(&peers, "b", 100));
    sleep(Duration::from_millis(1)).await;
    let to_a = |payload| Outbound::new(payload).to(name("a"));
    stack.ready().await.unwrap().call(to_a("1")).await.unwrap();
    let waiting = stack.ready().await.unwrap().call(to_a("2"));
    let waiting = tokio::spawn(waiting);
    send(&mut stack, "for anyone").await;
    sleep(Duration::from_millis(1)).await;
    assert!(!waiting.is_finished());
    assert_eq!(taken(&b), ["for anyone"]);
    assert_eq!(taken(&a), ["1"]);
    waiting.await.unwrap().unwrap();
    assert_eq!(taken(&a), ["2"]);
}

#[tokio::test]
async fn closing_hands_back_what_waits_and_refuses_the_rest() {
    let (peers, mut stack) = shared(BufferLayer::LIMITS);
    let peer = join(&peers, "a", 100);
    send(&mut stack, "1").await;
    peer.close();
    peers.remove(&name("a"));
    send(&mut stack, "2").await;
    assert_eq!(close(&stack), ["1", "2"]);
    let error = stack.ready().await.map(|_| ()).unwrap_err();
    assert!(error.is_closed());
    let mut error = stack.call(Outbound::new("3")).await.unwrap_err();
    assert_eq!(error.take_message().unwrap().payload(), "3");
}

/// Pitfall 34: a readiness of which no use was made kept its place for good.
#[tokio::test]
async fn readiness_that_is_not_used_takes_no_place() {
    let (_peers, mut stack) = shared(SMALL);
    for payload in ["1", "2", "3"] {
        for _ in 0..100 {
            assert!(stack.clone().ready().now_or_never().is_some());
        }
        let ready = stack.ready().now_or_never().expect("room").unwrap();
        ready.call(Outbound::new(payload)).await.unwrap();
    }
    assert!(stack.ready().now_or_never().is_none(), "now it is full");
}

/// Pitfall 19: a message whose peer turned out to be gone went to the end of the
/// line.
#[tokio::test(start_paused = true)]
async fn what_finds_its_peer_gone_stays_first_in_line() {
    let (peers, mut stack) = shared(SMALL);
    for payload in ["1", "2", "3"] {
        send(&mut stack, payload).await;
    }
    let gone = join(&peers, "gone", 100);
    gone.close();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(held(&stack), 3);
    let peer = join(&peers, "a", 100);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["1", "2", "3"]);
}

/// A listener heard of a dropped message under the lock, and hung when it sent one itself.
#[tokio::test(start_paused = true)]
async fn who_hears_of_a_dropped_message_may_send_by_the_same_stack() {
    let again: Arc<Mutex<Option<Shared<Picky>>>> = Arc::default();
    let sends = Arc::clone(&again);
    let discard = Discard::new(move |_| {
        let mut stack = sends.lock().unwrap().clone().unwrap();
        let ready = stack.ready().now_or_never().unwrap().unwrap();
        let news = ready.call(Outbound::new("one was dropped"));
        news.now_or_never().unwrap().unwrap();
    });
    let peers = Peers::new(discard);
    let mut stack = stack(&peers, Picky, BufferLayer::LIMITS);
    *again.lock().unwrap() = Some(stack.clone());
    let peer = join(&peers, "a", 10);
    let ready = stack.ready().await.unwrap();
    ready
        .call(Outbound::new("nobody wants this"))
        .await
        .unwrap();
    assert_eq!(taken(&peer), ["one was dropped"]);
}

/// Wants no message that says so.
struct Picky;

impl<P> Policy<P> for Picky {
    fn pick(&mut self, _: &PeerSet<P>, message: &Outbound) -> Pick<'_> {
        match message.payload().starts_with(b"nobody") {
            true => Pick::Nobody,
            false => Pick::One(0),
        }
    }
}

/// Sends on its own stack.
struct Within(Arc<Mutex<Option<Shared<Within>>>>, Arc<Mutex<Vec<bool>>>);

impl<P> Policy<P> for Within {
    fn pick(&mut self, _: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
        if let Some(mut stack) = self.0.lock().unwrap().clone() {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let ready = stack.poll_ready(&mut cx).is_ready();
            let sent = stack.call(Outbound::new("within")).now_or_never();
            self.1.lock().unwrap().extend([ready, sent.is_some()]);
        }
        Pick::One(0)
    }
}

#[tokio::test]
async fn a_policy_that_sends_by_its_own_stack_finds_no_room_and_does_not_hang() {
    let (peers, _) = table();
    let (own, found) = (Arc::default(), Arc::default());
    let policy = Within(Arc::clone(&own), Arc::clone(&found));
    let mut stack = stack(&peers, policy, BufferLayer::LIMITS);
    *own.lock().unwrap() = Some(stack.clone());
    let peer = join(&peers, "a", 10);
    let ready = stack.ready().await.unwrap();
    ready.call(Outbound::new("x")).await.unwrap();
    assert_eq!(*found.lock().unwrap(), [false, false]);
    assert_eq!(taken(&peer), ["x"]);
    own.lock().unwrap().take();
}

/// Panics so often, and takes all then.
struct Trips(u32);

impl Service<Outbound> for Trips {
    type Response = ();
    type Error = aiomsg_core::Error;
    type Future = std::future::Ready<Result<(), aiomsg_core::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), aiomsg_core::Error>> {
        if self.0 > 0 {
            self.0 -= 1;
            panic!("as we want");
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Outbound) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

/// A panic ended the driver, and waiting messages were never sent.
#[tokio::test(start_paused = true)]
async fn the_driver_outlives_a_stack_that_panics() {
    let (mut stack, driver) = Driven::new(Trips(3));
    let driver = tokio::spawn(driver.run());
    sleep(Duration::from_secs(1)).await;
    assert!(!driver.is_finished());
    stack.ready().await.unwrap();
    stack.call(Outbound::new("1")).await.unwrap();
    stack.close(|_| {});
    driver.await.unwrap();
}

/// Counts how often it is polled, and keeps the waker.
#[derive(Clone, Default)]
struct Polled(Arc<Mutex<(u32, Option<std::task::Waker>)>>);

impl Service<Outbound> for Polled {
    type Response = ();
    type Error = aiomsg_core::Error;
    type Future = std::future::Ready<Result<(), aiomsg_core::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), aiomsg_core::Error>> {
        let mut polled = self.0.lock().unwrap();
        polled.0 += 1;
        polled.1 = Some(cx.waker().clone());
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Outbound) -> Self::Future {
        std::future::ready(Ok(()))
    }
}

#[tokio::test]
async fn a_stack_that_was_left_ready_is_not_asked_again_until_something_happens() {
    let inner = Polled::default();
    let (mut stack, _driver) = Driven::new(inner.clone());
    let polls = async |stack: &mut Driven<Polled>| {
        stack.ready().await.unwrap();
        std::mem::take(&mut inner.0.lock().unwrap().0)
    };
    assert_eq!(polls(&mut stack).await, 1, "at first nothing is known");
    assert_eq!(polls(&mut stack).await, 0);
    let sent = stack.with_next(|stack, _| stack.call(Outbound::new("1")));
    sent.unwrap().await.unwrap();
    assert_eq!(polls(&mut stack).await, 1, "under the same lock");
    assert_eq!(polls(&mut stack).await, 0);
    stack.call(Outbound::new("2")).await.unwrap();
    assert_eq!(polls(&mut stack).await, 1, "that used it up");
    let waker = inner.0.lock().unwrap().1.clone().unwrap();
    waker.wake();
    assert_eq!(polls(&mut stack).await, 1, "something may have changed");
    stack.with(|_, _| {}).unwrap();
    assert_eq!(
        polls(&mut stack).await,
        1,
        "so it may by anything that is done with it"
    );
    stack.close(|_| {});
    assert!(stack.ready().await.map(drop).unwrap_err().is_closed());
}
