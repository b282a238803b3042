//! With connections in memory.

use super::*;
use crate::queue::Queue;
use crate::route::{Changes, PeerSet, Policy, Registrar, Route, Router, changes};
use aiomsg_core::connection::{FrameStream, OneByOne};
use aiomsg_core::{
    Discard, DropReason, Frame, Identified, Identity, Limits, MessageId, Outbound, Target,
};
use futures::{FutureExt, SinkExt, StreamExt};
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use tower::Layer;

mod wire_in_memory {
    include!("wire_in_memory.rs");
}
use wire_in_memory::Wire;

// Read and written frame by frame.
type TopicsStream = FrameStream<TopicsConnection<OneByOne<Wire>>>;
type SubscribeStream = FrameStream<SubscribeConnection<OneByOne<Wire>>>;

pub(super) fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

pub(super) fn name(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

fn id(n: u8) -> MessageId {
    MessageId::from_bytes([n; 16])
}

fn limits(prefixes: usize, prefix_len: usize) -> TopicLimits {
    TopicLimits {
        prefixes,
        prefix_len,
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counted() -> (Arc<Wakes>, Waker) {
    let wakes = Arc::new(Wakes::default());
    (Arc::clone(&wakes), Waker::from(wakes))
}

impl Wakes {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

// ===== publisher: the layer =====

/// The peer's end, and our connection with the layer around it.
fn joined(topics: &Topics, peer: &str) -> (Wire, TopicsStream) {
    let (ours, theirs) = Wire::pair(peer);
    (
        theirs,
        FrameStream::new(topics.layer().layer(OneByOne::new(ours))),
    )
}

/// Lets the layer see what the peer sent, of which nothing is for us.
fn swallow(connection: &mut TopicsStream) {
    assert!(connection.next().now_or_never().is_none());
}

#[tokio::test]
async fn subscriptions_go_no_further_and_all_else_does() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    peer.send(Frame::data("\x01news.")).await.unwrap();
    let others = [
        Frame::data(""),
        Frame::data("\x02news."),
        Frame::data("news."),
        Frame::request(id(1), "news."),
        Frame::Heartbeat,
        Frame::ack(id(2)),
    ];
    for frame in others.clone() {
        peer.send(frame).await.unwrap();
    }
    for frame in others {
        assert_eq!(ours.next().await.unwrap().unwrap(), frame);
    }
    assert!(topics.is_wanted("news.today"));
    assert!(topics.is_wanted("news."));
    assert!(!topics.is_wanted("news"));
    assert!(!topics.is_wanted(""));

    peer.send(Frame::data("\x00news")).await.unwrap();
    swallow(&mut ours);
    assert!(topics.is_wanted("news.today"), "nobody asked for this one");
    peer.send(Frame::data("\x00news.")).await.unwrap();
    swallow(&mut ours);
    assert!(!topics.is_wanted("news.today"));
    assert_eq!(ours.identity(), &name("a"));
}

#[tokio::test]
async fn the_empty_prefix_is_everything() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    peer.send(Frame::data("\x01")).await.unwrap();
    swallow(&mut ours);
    assert!(topics.is_wanted("") && topics.is_wanted("anything"));
    peer.send(Frame::data("\x00")).await.unwrap();
    swallow(&mut ours);
    assert!(!topics.is_wanted("") && !topics.is_wanted("anything"));
}

#[tokio::test]
async fn a_subscription_by_request_is_acknowledged_ahead_of_other_frames() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    peer.send(Frame::request(id(1), "\x01a")).await.unwrap();
    peer.send(Frame::request(id(2), "\x00b")).await.unwrap();
    peer.send(Frame::request(id(3), "hello")).await.unwrap();
    let hello = ours.next().await.unwrap().unwrap();
    assert_eq!(hello, Frame::request(id(3), "hello"));
    assert!(topics.is_wanted("a"));
    ours.send(Frame::data("x")).await.unwrap();
    let sent: Vec<_> = peer.by_ref().take(3).map(Result::unwrap).collect().await;
    // The other request is for others to acknowledge.
    assert_eq!(
        sent,
        [Frame::ack(id(1)), Frame::ack(id(2)), Frame::data("x")]
    );
    peer.send(Frame::request(id(4), "\x01a")).await.unwrap();
    swallow(&mut ours);
    ours.flush().await.unwrap();
    assert_eq!(peer.next().await.unwrap().unwrap(), Frame::ack(id(4)));
}

#[tokio::test]
async fn a_peer_that_takes_no_acknowledgement_is_read_no_further() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    // It takes what fits into the wire, and no more.
    let fed = std::iter::repeat_with(|| ours.feed(Frame::data("x")).now_or_never().is_some());
    assert!(fed.take_while(|fed| *fed).count() >= 10_000);
    let (wakes, waker) = counted();
    let mut sent = 0_usize;
    while let Some(Ok(())) = peer.feed(Frame::request(id(1), "\x01a")).now_or_never() {
        sent += 1;
        if sent.is_multiple_of(100) {
            loop {
                let next = ours.poll_next_unpin(&mut Context::from_waker(&waker));
                assert!(next.is_pending());
                if wakes.take() == 0 {
                    break;
                }
            }
        }
    }
    assert!((1 << 16..(1 << 16) + 11_000).contains(&sent), "{sent}");
}

#[tokio::test]
async fn a_connection_that_ends_takes_its_own_subscriptions_with_it() {
    let topics = Topics::new();
    let (mut old_peer, mut old) = joined(&topics, "a");
    let (mut new_peer, mut new) = joined(&topics, "a");
    old_peer.send(Frame::data("\x01old")).await.unwrap();
    old_peer.send(Frame::data("\x01both")).await.unwrap();
    swallow(&mut old);
    new_peer.send(Frame::data("\x01both")).await.unwrap();
    new_peer.send(Frame::data("\x01new")).await.unwrap();
    swallow(&mut new);
    drop(old);
    assert!(!topics.is_wanted("old"));
    assert!(topics.is_wanted("both") && topics.is_wanted("new"));
    drop(new);
    assert!(!topics.is_wanted("both") && !topics.is_wanted("new"));
    assert_eq!(topics.shared().nodes(), 1, "the root is left");
}

#[tokio::test]
async fn a_peer_that_subscribes_to_too_much_is_disconnected() {
    let topics = Topics::with_limits(limits(3, 5));
    let (mut peer, mut ours) = joined(&topics, "greedy");
    for prefix in ["\x01a", "\x01b", "\x01c", "\x01a", "\x00c", "\x01d"] {
        peer.send(Frame::data(prefix)).await.unwrap();
    }
    swallow(&mut ours);
    peer.send(Frame::data("\x01e")).await.unwrap();
    let error = ours.next().await.unwrap().unwrap_err();
    assert!(error.is_limit());
    assert_eq!(error.peer(), Some(&name("greedy")));
    assert!(error.to_string().contains("the most of 3"), "{error}");
    assert!(!topics.is_wanted("e"));

    let (mut peer, mut ours) = joined(&topics, "long");
    peer.send(Frame::data("\x0112345")).await.unwrap();
    // What was never subscribed to is no matter, however long.
    peer.send(Frame::data("\x00123456")).await.unwrap();
    swallow(&mut ours);
    peer.send(Frame::data("\x01123456")).await.unwrap();
    let error = ours.next().await.unwrap().unwrap_err();
    assert!(error.is_limit());
    assert!(error.to_string().contains("6 bytes"), "{error}");
}

/// Others are to have their turn.
#[tokio::test]
async fn a_peer_that_only_subscribes_is_read_in_rounds() {
    let topics = Topics::new();
    let (mut peer, mut ours) = joined(&topics, "a");
    for _ in 0..1000 {
        peer.send(Frame::data("\x01a")).await.unwrap();
    }
    peer.send(Frame::data("end")).await.unwrap();
    let (wakes, waker) = counted();
    let mut rounds = 0;
    while ours
        .poll_next_unpin(&mut Context::from_waker(&waker))
        .is_pending()
    {
        rounds += 1;
        assert!(wakes.take() > 0);
    }
    assert_eq!(rounds, 3);
}

// ===== publisher: the table =====

/// Against what is easy to get right: a list that is searched from end to end.
#[test]
fn the_table_finds_what_a_search_through_all_finds() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let topics = Topics::with_limits(limits(1000, 12));
        let shared = topics.shared();
        // Few letters, so that many begin alike.
        let letters = rng.u8(1..4);
        let bytes = |rng: &mut fastrand::Rng, most: usize| -> Vec<u8> {
            (0..rng.usize(0..=most))
                .map(|_| rng.u8(0..=letters))
                .collect()
        };
        let mut naive: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for _ in 0..800 {
            match rng.usize(0..20) {
                0 if open.len() < 20 => {
                    let number = shared.open(name("peer"));
                    assert!(!open.contains(&number));
                    open.push(number);
                }
                1 if !open.is_empty() => {
                    let number = open.swap_remove(rng.usize(0..open.len()));
                    shared.close(number);
                    naive.retain(|(of, _)| *of != number);
                }
                2..=10 if !open.is_empty() => {
                    let number = open[rng.usize(0..open.len())];
                    let prefix = bytes(&mut rng, 12);
                    shared.subscribe(number, &prefix).unwrap();
                    let entry = (number, prefix);
                    if !naive.contains(&entry) {
                        naive.push(entry);
                    }
                }
                11..=15 if !open.is_empty() => {
                    let known = rng.bool() && !naive.is_empty();
                    let (number, prefix) = if known {
                        naive[rng.usize(0..naive.len())].clone()
                    } else {
                        (open[rng.usize(0..open.len())], bytes(&mut rng, 12))
                    };
                    shared.unsubscribe(number, &prefix);
                    naive.retain(|entry| *entry != (number, prefix.clone()));
                }
                _ => {}
            }
            let message = bytes(&mut rng, 20);
            let mut found = Vec::new();
            shared.lock().find(&message, &mut found);
            found.sort_unstable();
            let mut expected: Vec<_> = naive
                .iter()
                .filter(|(_, prefix)| message.starts_with(prefix))
                .map(|(number, _)| *number)
                .collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "seed {seed}");
            let prefixes: HashSet<_> = naive.iter().map(|(_, prefix)| prefix).collect();
            assert!(shared.nodes() <= (2 * prefixes.len()).max(1), "seed {seed}");
        }
        for number in open {
            shared.close(number);
        }
        assert_eq!(shared.nodes(), 1, "seed {seed}");
    }
}

/// However deep the tree, the stack is not.
#[test]
fn prefixes_of_prefixes_may_be_deep() {
    const DEPTH: usize = 2_000;
    let deep = || {
        let topics = Topics::with_limits(limits(DEPTH, DEPTH));
        let shared = topics.shared();
        let number = shared.open(name("a"));
        let long = vec![b'x'; DEPTH];
        for len in 0..DEPTH {
            shared.subscribe(number, &long[..len]).unwrap();
        }
        let mut found = Vec::new();
        shared.lock().find(&long, &mut found);
        assert_eq!(found.len(), DEPTH);
    };
    let thread = std::thread::Builder::new().stack_size(64 << 10);
    thread.spawn(deep).unwrap().join().unwrap();
}

// ===== publisher: the policy =====

pub(super) type Peers = Queue<Outbound>;

pub(super) struct Publisher {
    pub(super) topics: Topics,
    pub(super) registrar: Registrar<Peers>,
    pub(super) router: Router<Changes<Peers>, ByTopic>,
    lost: Arc<Mutex<Vec<(Outbound, DropReason)>>>,
}

pub(super) fn publisher() -> Publisher {
    let topics = Topics::new();
    let (registrar, changes) = changes();
    let lost = Arc::default();
    let seen = Arc::clone(&lost);
    let discard = Discard::new(move |it| {
        let seen: &Mutex<Vec<_>> = &seen;
        seen.lock().unwrap().push((it.message, it.reason));
    });
    Publisher {
        router: Router::new(changes, topics.policy(), discard),
        topics,
        registrar,
        lost,
    }
}

impl Publisher {
    /// The queue of a new peer, and the number of its connection.
    pub(super) fn join(
        &mut self,
        identity: &str,
        items: usize,
        prefixes: &[&str],
    ) -> (Peers, usize) {
        let number = self.topics.shared().open(name(identity));
        for prefix in prefixes {
            self.subscribe(number, prefix);
        }
        let queue = Queue::new(Limits {
            items,
            bytes: 1 << 20,
        });
        self.registrar.insert(name(identity), queue.clone());
        let _ = self.router.poll_route(&mut cx());
        (queue, number)
    }

    pub(super) fn subscribe(&self, number: usize, prefix: &str) {
        let shared = self.topics.shared();
        shared.subscribe(number, prefix.as_bytes()).unwrap();
    }

    pub(super) fn unsubscribe(&self, number: usize, prefix: &str) {
        let shared = self.topics.shared();
        shared.unsubscribe(number, prefix.as_bytes());
    }

    pub(super) fn leave(&mut self, identity: &str, (queue, number): &(Peers, usize)) {
        self.topics.shared().close(*number);
        queue.close();
        self.registrar.remove(name(identity));
        let _ = self.router.poll_route(&mut cx());
    }

    fn publish(&mut self, payload: &'static str) {
        assert!(self.router.poll_route(&mut cx()).is_ready());
        self.router
            .route(&mut cx(), Outbound::new(payload))
            .unwrap();
    }

    /// Sends to one peer, whatever it has subscribed to.
    pub(super) fn send_to(&mut self, identity: &str) {
        let message = Outbound::new("for you").with_target(Target::Peer(name(identity)));
        self.router.route(&mut cx(), message).unwrap();
    }

    fn unwanted(&self) -> Vec<Outbound> {
        let lost = std::mem::take(&mut *self.lost.lock().unwrap());
        lost.into_iter()
            .map(|(message, reason)| {
                assert_eq!(reason, DropReason::Unwanted);
                message
            })
            .collect()
    }
}

pub(super) fn taken(queue: &Peers) -> Vec<String> {
    let text = |it: &Outbound| String::from_utf8_lossy(it.payload()).into_owned();
    queue.drain().iter().map(text).collect()
}

#[test]
fn those_who_want_it_have_one_copy_each() {
    let mut it = publisher();
    let (a, _) = it.join("a", 10, &["news.", "news.sport", "n", ""]);
    let (b, _) = it.join("b", 10, &["news.sport"]);
    let (c, _) = it.join("c", 10, &["music"]);
    let (d, _) = it.join("d", 10, &[]);
    it.publish("news.sport.chess");
    it.publish("news.rain");
    let copy = a.drain().pop_front().unwrap();
    assert_eq!(copy.target(), &Target::Copy);
    assert_eq!(taken(&b), ["news.sport.chess"]);
    assert!(c.is_empty() && d.is_empty());
    assert!(it.unwanted().is_empty());
    it.publish("x");
    assert_eq!(taken(&a), ["x"]);
}

#[test]
fn what_nobody_wants_is_given_up_and_said_so() {
    let mut it = publisher();
    let (a, _) = it.join("a", 10, &["news"]);
    it.publish("weather");
    assert_eq!(it.unwanted(), [Outbound::new("weather")]);
    assert!(a.is_empty());
    let mut policy = it.topics.policy();
    let mut peers: PeerSet<_> = [(name("a"), a)].into_iter().collect();
    let refused = policy.place(&mut peers, Outbound::new("x")).unwrap_err();
    assert_eq!(refused.position, None);
    assert!(Policy::<Peers>::copies(&policy));
}

#[test]
fn those_who_have_gone_want_nothing() {
    let mut it = publisher();
    let (a, _) = it.join("a", 10, &["news"]);
    let (b, _) = it.join("b", 10, &["news"]);
    a.close();
    it.publish("news 1");
    assert_eq!(taken(&b), ["news 1"]);
    assert!(it.unwanted().is_empty());
    b.close();
    it.publish("news 2");
    assert_eq!(it.unwanted(), [Outbound::new("news 2")]);
}

#[test]
fn it_waits_for_subscribers_and_for_nobody_else() {
    let mut it = publisher();
    let (mute, number) = it.join("mute", 1, &[]);
    let (_a, _) = it.join("a", 10, &["news"]);
    it.send_to("mute");
    it.publish("news 1");
    it.subscribe(number, "weather");
    assert!(it.router.poll_route(&mut cx()).is_pending());
    mute.drain();
    it.publish("news 2");
}

/// A peer that is full, takes nothing, and wants nothing any more.
#[test]
fn whoever_waits_for_a_subscriber_is_woken_when_it_is_one_no_more() {
    let mut it = publisher();
    let (_full, number) = it.join("full", 1, &["a", "b"]);
    let (_b, _) = it.join("b", 10, &["a"]);
    it.send_to("full");
    let (wakes, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    assert!(it.router.poll_route(&mut cx).is_pending());
    it.unsubscribe(number, "a");
    assert_eq!(wakes.take(), 0);
    assert!(it.router.poll_route(&mut cx).is_pending());
    it.unsubscribe(number, "b");
    assert_eq!(wakes.take(), 1);
    assert!(it.router.poll_route(&mut cx).is_ready());
    it.subscribe(number, "a");
    assert!(it.router.poll_route(&mut cx).is_pending());
    it.topics.shared().close(number);
    assert_eq!(wakes.take(), 1);
    assert!(it.router.poll_route(&mut cx).is_ready());
}

/// The positions of the others change with each that goes.
#[test]
fn whoever_comes_and_goes_each_peer_has_what_it_asked_for() {
    const TOPICS: [&str; 6] = ["", "a", "ab", "abc", "b", "ba"];
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut it = publisher();
        let mut peers: Vec<(String, (Peers, usize), BTreeSet<&str>)> = Vec::new();
        for _ in 0..500 {
            match rng.usize(0..8) {
                0 if peers.len() < 6 => {
                    let identity = rng.usize(0..10).to_string();
                    if peers.iter().all(|(known, ..)| *known != identity) {
                        let peer = it.join(&identity, 10, &[]);
                        peers.push((identity, peer, BTreeSet::new()));
                    }
                }
                1 if !peers.is_empty() => {
                    let (identity, peer, _) = peers.swap_remove(rng.usize(0..peers.len()));
                    it.leave(&identity, &peer);
                }
                2..=4 if !peers.is_empty() => {
                    let at = rng.usize(0..peers.len());
                    let (_, (_, number), topics) = &mut peers[at];
                    let topic = TOPICS[rng.usize(0..TOPICS.len())];
                    if rng.bool() {
                        it.subscribe(*number, topic);
                        topics.insert(topic);
                    } else {
                        it.unsubscribe(*number, topic);
                        topics.remove(topic);
                    }
                }
                _ if !peers.is_empty() => {
                    let payload = ["a", "abcd", "bab", "c", ""][rng.usize(0..5)];
                    it.publish(payload);
                    let mut wanted = false;
                    for (_, (queue, _), topics) in &peers {
                        let wants = topics.iter().any(|topic| payload.starts_with(topic));
                        let copies = usize::from(wants);
                        assert_eq!(taken(queue), vec![payload; copies], "seed {seed}");
                        wanted |= wants;
                    }
                    assert_eq!(it.unwanted().is_empty(), wanted, "seed {seed}");
                }
                _ => {}
            }
        }
    }
}

// ===== subscriber =====

/// The publisher's end, and our connection with the layer around it.
fn told(subscriptions: &Subscriptions) -> (Wire, SubscribeStream) {
    let (ours, theirs) = Wire::pair("publisher");
    (
        theirs,
        FrameStream::new(subscriptions.layer().layer(OneByOne::new(ours))),
    )
}

/// What has arrived.
fn arrived(wire: &mut Wire) -> Vec<String> {
    let next = || wire.next().now_or_never().flatten();
    std::iter::from_fn(next)
        .map(|frame| String::from_utf8(frame.unwrap().payload().unwrap().to_vec()).unwrap())
        .collect()
}

#[tokio::test]
async fn every_new_connection_begins_with_the_whole_list() {
    let subscriptions = Subscriptions::new();
    for prefix in ["b", "a", "", "gone", "a"] {
        subscriptions.subscribe(prefix).unwrap();
    }
    assert!(subscriptions.unsubscribe("gone"));
    assert!(!subscriptions.unsubscribe("gone"));
    for _ in 0..2 {
        let (mut publisher, mut ours) = told(&subscriptions);
        ours.send(Frame::data("user data")).await.unwrap();
        assert_eq!(
            arrived(&mut publisher),
            ["\x01", "\x01a", "\x01b", "user data"]
        );
        assert_eq!(ours.identity(), &name("publisher"));
    }
    assert_eq!(subscriptions.len(), 3);
}

/// Reading is enough, and so is a flush.
#[tokio::test]
async fn the_list_is_told_by_whoever_polls() {
    let subscriptions = Subscriptions::new();
    subscriptions.subscribe("a").unwrap();
    let (mut publisher, mut ours) = told(&subscriptions);
    ours.flush().await.unwrap();
    assert_eq!(arrived(&mut publisher), ["\x01a"]);
    let (mut publisher, mut ours) = told(&subscriptions);
    assert!(ours.next().now_or_never().is_none());
    assert_eq!(arrived(&mut publisher), ["\x01a"]);
    publisher.send(Frame::data("a message")).await.unwrap();
    let message = ours.next().await.unwrap().unwrap();
    assert_eq!(message, Frame::data("a message"));
}

/// A frame that never left is not routed elsewhere.
#[tokio::test]
async fn a_subscription_is_for_this_connection_alone() {
    let subscriptions = Subscriptions::new();
    subscriptions.subscribe("a").unwrap();
    let (mut publisher, mut ours) = told(&subscriptions);
    ours.flush().await.unwrap();
    let Frame::Data { target, .. } = publisher.next().await.unwrap().unwrap() else {
        panic!("a subscription is plain data");
    };
    assert_eq!(target, Target::Connection);
}

#[tokio::test]
async fn changes_reach_all_living_connections_and_wake_them() {
    let subscriptions = Subscriptions::new();
    let (wakes, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    let mut connections = [told(&subscriptions), told(&subscriptions)];
    for (_, ours) in &mut connections {
        assert!(ours.poll_next_unpin(&mut cx).is_pending());
        assert!(ours.poll_flush_unpin(&mut cx).is_ready());
    }
    subscriptions.subscribe("a").unwrap();
    // Each as its reader and its writer.
    assert_eq!(wakes.take(), 4);
    subscriptions.subscribe("a").unwrap();
    assert!(!subscriptions.unsubscribe("b"));
    assert_eq!(wakes.take(), 0, "nothing has changed");
    for (publisher, ours) in &mut connections {
        assert!(ours.poll_flush_unpin(&mut cx).is_ready());
        assert_eq!(arrived(publisher), ["\x01a"]);
    }
    let [(mut publisher, mut ours), gone] = connections;
    drop(gone);
    wakes.take();
    subscriptions.unsubscribe("a");
    assert_eq!(wakes.take(), 2);
    assert!(ours.poll_next_unpin(&mut cx).is_pending());
    assert_eq!(arrived(&mut publisher), ["\x00a"]);
}

#[tokio::test]
async fn what_was_changed_back_in_the_meantime_is_not_told() {
    let subscriptions = Subscriptions::new();
    let (mut publisher, mut ours) = told(&subscriptions);
    subscriptions.subscribe("a").unwrap();
    ours.flush().await.unwrap();
    assert_eq!(arrived(&mut publisher), ["\x01a"]);
    subscriptions.unsubscribe("a");
    subscriptions.subscribe("b").unwrap();
    subscriptions.subscribe("a").unwrap();
    subscriptions.unsubscribe("b");
    ours.flush().await.unwrap();
    assert!(arrived(&mut publisher).is_empty());
}

/// Whoever exchanges a prefix for a wider one misses nothing in between, but
/// the publisher's bound is kept at every moment.
#[tokio::test]
async fn what_is_new_goes_first_if_there_is_room() {
    let subscriptions = Subscriptions::with_limits(limits(3, 256));
    for prefix in ["a", "b"] {
        subscriptions.subscribe(prefix).unwrap();
    }
    let (mut publisher, mut ours) = told(&subscriptions);
    ours.flush().await.unwrap();
    assert_eq!(arrived(&mut publisher), ["\x01a", "\x01b"]);
    for prefix in ["a", "b"] {
        subscriptions.unsubscribe(prefix);
    }
    for prefix in ["c", "d", "e"] {
        subscriptions.subscribe(prefix).unwrap();
    }
    ours.flush().await.unwrap();
    assert_eq!(
        arrived(&mut publisher),
        ["\x01c", "\x00a", "\x01d", "\x00b", "\x01e"]
    );
}

#[test]
fn the_list_of_a_subscriber_is_bounded() {
    let subscriptions = Subscriptions::with_limits(limits(2, 3));
    assert!(subscriptions.subscribe("1234").unwrap_err().is_limit());
    subscriptions.subscribe("a").unwrap();
    subscriptions.subscribe("b").unwrap();
    subscriptions.subscribe("a").unwrap();
    assert!(subscriptions.subscribe("c").unwrap_err().is_limit());
    subscriptions.unsubscribe("a");
    subscriptions.subscribe("c").unwrap();
    assert_eq!(subscriptions.len(), 2);
}

/// The reader takes the writer's place at the connection, and gives it back.
#[tokio::test]
async fn both_halves_of_a_split_connection_are_woken() {
    let subscriptions = Subscriptions::new();
    let (_publisher, mut ours) = told(&subscriptions);
    let (reads, reader) = counted();
    let (writes, writer) = counted();
    let mut reader = Context::from_waker(&reader);
    assert!(ours.poll_next_unpin(&mut reader).is_pending());
    let mut writer = Context::from_waker(&writer);
    while ours.poll_ready_unpin(&mut writer).is_ready() {
        ours.start_send_unpin(Frame::data("x")).unwrap();
    }
    subscriptions.subscribe("a").unwrap();
    assert_eq!((reads.take(), writes.take()), (1, 1));
    assert!(ours.poll_next_unpin(&mut reader).is_pending());
    assert_eq!(writes.take(), 1);
}

// ===== both =====

#[tokio::test]
async fn a_list_arrives_in_the_table_also_after_a_reconnect() {
    let subscriptions = Subscriptions::new();
    let topics = Topics::new();
    subscriptions.subscribe("a").unwrap();
    for _ in 0..2 {
        let (subscriber_end, publisher_end) = Wire::pair("publisher");
        let mut subscriber =
            FrameStream::new(subscriptions.layer().layer(OneByOne::new(subscriber_end)));
        let mut publisher = FrameStream::new(topics.layer().layer(OneByOne::new(publisher_end)));
        subscriber.flush().await.unwrap();
        swallow(&mut publisher);
        assert!(topics.is_wanted("abc") && !topics.is_wanted("b"));
        subscriptions.subscribe("b").unwrap();
        subscriber.flush().await.unwrap();
        swallow(&mut publisher);
        assert!(topics.is_wanted("b"));
        subscriptions.unsubscribe("b");
        drop((subscriber, publisher));
        assert!(!topics.is_wanted("abc"));
    }
}
