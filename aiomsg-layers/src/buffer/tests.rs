use super::*;
use crate::queue::Queue;
use crate::route::{AnyPolicy, Changes, MailboxSettings, Registrar, RoundRobin, Router, changes};
use aiomsg_core::{Discard, Identity, Limits, Outbound};
use futures::FutureExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::sleep;
use tower::{Service, ServiceExt};

type Peers = Router<Changes<Queue<Outbound>>, AnyPolicy<Queue<Outbound>>>;

const SMALL: Limits = Limits {
    items: 3,
    bytes: 1 << 20,
};

fn buffer(limits: Limits) -> (Registrar<Queue<Outbound>>, Buffer<Peers>, Arc<Mutex<usize>>) {
    let (registrar, changes) = changes();
    let lost = Arc::new(Mutex::new(0));
    let count = Arc::clone(&lost);
    let discard = Discard::new(move |_| *count.lock().unwrap() += 1);
    let policy = AnyPolicy::RoundRobin(RoundRobin::new());
    let router = Router::new(changes, policy, discard).mailboxes(MailboxSettings::default());
    let (buffer, driver) = Buffer::new(router, limits);
    tokio::spawn(driver.run());
    (registrar, buffer, lost)
}

async fn send(buffer: &mut Buffer<Peers>, payload: impl Into<bytes::Bytes>) {
    let buffer = buffer.ready().await.unwrap();
    buffer.call(Outbound::new(payload)).await.unwrap();
}

fn join(registrar: &Registrar<Queue<Outbound>>, identity: &str, items: usize) -> Queue<Outbound> {
    let queue = Queue::new(Limits {
        items,
        bytes: 1 << 20,
    });
    registrar.insert(Identity::new(identity).unwrap(), queue.clone());
    queue
}

fn taken(queue: &Queue<Outbound>) -> Vec<String> {
    let drained = queue.drain();
    drained
        .iter()
        .map(|message| String::from_utf8_lossy(message.payload()).into_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_to_nobody_goes_to_who_comes_in_order() {
    let (registrar, mut buffer, _) = buffer(Buffer::<Peers>::LIMITS);
    for payload in ["1", "2", "3"] {
        send(&mut buffer, payload).await;
    }
    assert_eq!(buffer.len(), 3);
    let peer = join(&registrar, "a", 100);
    send(&mut buffer, "4").await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["1", "2", "3", "4"]);
    assert!(buffer.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_driver_needs_no_caller() {
    let (registrar, mut buffer, _) = buffer(Buffer::<Peers>::LIMITS);
    for payload in ["1", "2", "3"] {
        send(&mut buffer, payload).await;
    }
    let peer = join(&registrar, "a", 2);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["1", "2"], "as far as there is room");
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["3"], "and the rest later");
}

#[tokio::test(start_paused = true)]
async fn what_an_ended_connection_left_needs_no_caller_either() {
    let (registrar, mut buffer, _) = buffer(Buffer::<Peers>::LIMITS);
    let a = join(&registrar, "a", 100);
    for payload in ["1", "2"] {
        send(&mut buffer, payload).await;
    }
    let b = join(&registrar, "b", 100);
    a.close();
    registrar.remove(Identity::new("a").unwrap());
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&b), ["1", "2"]);
}

/// Pitfall 22: a full queue dropped silently.
#[tokio::test(start_paused = true)]
async fn a_full_buffer_makes_the_caller_wait() {
    let (registrar, mut buffer, _) = buffer(SMALL);
    for payload in ["1", "2", "3"] {
        send(&mut buffer, payload).await;
    }
    assert!(buffer.ready().now_or_never().is_none());
    let mut waiting = buffer.clone();
    let waiting = tokio::spawn(async move { send(&mut waiting, "4").await });
    sleep(Duration::from_secs(1)).await;
    let peer = join(&registrar, "a", 100);
    waiting.await.unwrap();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["1", "2", "3", "4"]);
}

#[tokio::test(start_paused = true)]
async fn full_peers_make_callers_wait_each_until_there_is_room() {
    let (registrar, mut buffer, _) = buffer(Buffer::<Peers>::LIMITS);
    let peer = join(&registrar, "a", 1);
    send(&mut buffer, "0").await;
    let callers: Vec<_> = (1..=20)
        .map(|n| {
            let mut buffer = buffer.clone();
            tokio::spawn(async move { send(&mut buffer, n.to_string()).await })
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
    let (registrar, mut buffer, _) = buffer(Buffer::<Peers>::LIMITS);
    let (a, b) = (join(&registrar, "a", 1), join(&registrar, "b", 100));
    sleep(Duration::from_millis(1)).await;
    let to_a = |payload| Outbound::new(payload).to(Identity::new("a").unwrap());
    buffer.ready().await.unwrap().call(to_a("1")).await.unwrap();
    let waiting = buffer.ready().await.unwrap().call(to_a("2"));
    let waiting = tokio::spawn(waiting);
    send(&mut buffer, "for anyone").await;
    sleep(Duration::from_millis(1)).await;
    assert!(!waiting.is_finished());
    assert_eq!(taken(&b), ["for anyone"]);
    assert_eq!(taken(&a), ["1"]);
    waiting.await.unwrap().unwrap();
    assert_eq!(taken(&a), ["2"]);
}

#[tokio::test(start_paused = true)]
async fn mail_is_given_up_in_time_with_nobody_calling() {
    let (_registrar, mut buffer, lost) = buffer(Buffer::<Peers>::LIMITS);
    let message = Outbound::new("x").to(Identity::new("gone").unwrap());
    buffer.ready().await.unwrap().call(message).await.unwrap();
    sleep(Duration::from_secs(59)).await;
    assert_eq!(*lost.lock().unwrap(), 0);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(*lost.lock().unwrap(), 1);
}

#[tokio::test]
async fn closing_hands_back_what_waits_and_refuses_the_rest() {
    let (registrar, mut buffer, _) = buffer(Buffer::<Peers>::LIMITS);
    let peer = join(&registrar, "a", 100);
    send(&mut buffer, "1").await;
    peer.close();
    registrar.remove(Identity::new("a").unwrap());
    send(&mut buffer, "2").await;
    let left: Vec<_> = buffer
        .close()
        .into_iter()
        .map(Outbound::into_payload)
        .collect();
    assert_eq!(left, ["1", "2"]);
    let error = buffer.ready().await.map(|_| ()).unwrap_err();
    assert!(error.is_closed());
    let mut error = buffer.call(Outbound::new("3")).await.unwrap_err();
    assert_eq!(error.take_message().unwrap().payload(), "3");
}

/// Pitfall 34: a readiness of which no use was made kept its place for good.
#[tokio::test]
async fn readiness_that_is_not_used_takes_no_place() {
    let (_registrar, mut buffer, _) = buffer(SMALL);
    for payload in ["1", "2", "3"] {
        for _ in 0..100 {
            assert!(buffer.clone().ready().now_or_never().is_some());
        }
        let ready = buffer.ready().now_or_never().expect("room").unwrap();
        ready.call(Outbound::new(payload)).await.unwrap();
    }
    assert!(buffer.ready().now_or_never().is_none(), "now it is full");
}

/// Pitfall 19: a message whose peer turned out to be gone went to the end of the
/// line.
#[tokio::test(start_paused = true)]
async fn what_finds_its_peer_gone_stays_first_in_line() {
    let (registrar, mut buffer, _) = buffer(SMALL);
    for payload in ["1", "2", "3"] {
        send(&mut buffer, payload).await;
    }
    let gone = join(&registrar, "gone", 100);
    gone.close();
    sleep(Duration::from_millis(1)).await;
    assert_eq!(buffer.len(), 3);
    let peer = join(&registrar, "a", 100);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["1", "2", "3"]);
}

/// Whoever waited for room in the mailboxes was not told when there was some,
/// for as long as the peers that were connected had none.
#[tokio::test(start_paused = true)]
async fn room_for_an_absent_peer_is_told_while_those_who_are_here_are_full() {
    let (registrar, changes) = changes();
    let policy = AnyPolicy::RoundRobin(RoundRobin::new());
    let mut settings = MailboxSettings::default();
    settings.limits.items = 1;
    let router = Router::new(changes, policy, Discard::new(|_| {})).mailboxes(settings);
    let (mut buffer, driver) = Buffer::new(router, SMALL);
    tokio::spawn(driver.run());
    let full = join(&registrar, "full", 1);
    send(&mut buffer, "1").await;
    assert_eq!(full.items(), 1);

    let absent = Identity::new("absent").unwrap();
    let addressed = |payload: &'static str| Outbound::new(payload).to(absent.clone());
    buffer.call(addressed("2")).await.unwrap();
    let waiting = tokio::spawn(buffer.call(addressed("3")));
    sleep(settings.keep / 2).await;
    assert!(!waiting.is_finished(), "there is room for one");
    // The first one is given up.
    sleep(settings.keep).await;
    assert!(waiting.is_finished());

    // Or it is delivered, as its peer has come.
    let waiting = tokio::spawn(buffer.call(Outbound::new("4").to(Identity::new("other").unwrap())));
    sleep(settings.keep / 4).await;
    assert!(!waiting.is_finished());
    let came = join(&registrar, "absent", 1);
    sleep(settings.keep / 4).await;
    assert_eq!(taken(&came), ["3"]);
    assert!(waiting.is_finished());
}

#[tokio::test(start_paused = true)]
async fn one_step_does_not_overtake_what_waits() {
    let (registrar, mut buffer, _) = buffer(SMALL);
    send(&mut buffer, "1").await;
    let two = || Some(Outbound::new("2"));
    assert!(!buffer.try_send(&mut two()));
    // The driver has not run yet: the peer is there, and what waits is, too.
    let peer = join(&registrar, "a", 100);
    assert!(!buffer.try_send(&mut two()));
    sleep(Duration::from_millis(1)).await;
    assert!(buffer.try_send(&mut two()));
    assert_eq!(taken(&peer), ["1", "2"]);
    buffer.close();
    assert!(!buffer.try_send(&mut two()));
}

/// Whoever heard of a message that was given up did so under the lock, and hung
/// when it sent one itself.
#[tokio::test(start_paused = true)]
async fn who_hears_of_a_dropped_message_may_send_by_the_same_buffer() {
    let (registrar, changes) = changes();
    let again: Arc<Mutex<Option<Buffer<Peers>>>> = Arc::default();
    let sends = Arc::clone(&again);
    let discard = Discard::new(move |_| {
        let mut buffer = sends.lock().unwrap().clone().unwrap();
        let ready = buffer.ready().now_or_never().unwrap().unwrap();
        let news = ready.call(Outbound::new("one was dropped"));
        news.now_or_never().unwrap().unwrap();
    });
    let policy = AnyPolicy::RoundRobin(RoundRobin::new());
    let mailboxes = MailboxSettings {
        keep: Duration::from_secs(1),
        ..MailboxSettings::default()
    };
    let router = Router::new(changes, policy, discard).mailboxes(mailboxes);
    let (mut buffer, driver) = Buffer::new(router, Buffer::<Peers>::LIMITS);
    *again.lock().unwrap() = Some(buffer.clone());
    tokio::spawn(driver.run());

    let message = Outbound::new("for nobody").to(Identity::new("absent").unwrap());
    buffer.ready().await.unwrap().call(message).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    let peer = join(&registrar, "a", 10);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(taken(&peer), ["one was dropped"]);
}

/// Panics so often, and is like another one then.
struct Trips(Changes<Queue<Outbound>>, u32);

impl futures::Stream for Trips {
    type Item =
        Result<tower::discover::Change<Identity, Queue<Outbound>>, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        if self.1 > 0 {
            self.1 -= 1;
            panic!("as we want");
        }
        std::pin::Pin::new(&mut self.0).poll_next(cx)
    }
}

/// It ended the driver, and what waited was never sent.
#[tokio::test(start_paused = true)]
async fn the_driver_outlives_a_set_of_peers_that_panics() {
    let (registrar, changes) = changes();
    let policy = AnyPolicy::RoundRobin(RoundRobin::new());
    let router = Router::new(Trips(changes, 3), policy, Discard::new(|_| {}));
    let (mut buffer, driver) = Buffer::new(router, Buffer::<Peers>::LIMITS);
    tokio::spawn(driver.run());
    sleep(Duration::from_secs(1)).await;
    buffer.ready().await.unwrap();
    buffer.call(Outbound::new("1")).await.unwrap();
    let peer = join(&registrar, "a", 10);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(taken(&peer), ["1"]);
}
