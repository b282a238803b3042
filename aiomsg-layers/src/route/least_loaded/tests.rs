use super::*;
use crate::queue::{Closed, Queue};
use crate::route::{AnyPolicy, Changes, PeerSet, Policy, Registrar, Route, Router, changes};
use aiomsg_core::{Discard, Identity, Limits, Outbound};
use futures::{FutureExt, TryStreamExt};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::Change;

type Peers = Queue<Outbound>;

struct Fixture {
    registrar: Registrar<Peers>,
    router: Router<Changes<Peers>, LeastLoaded<Peers>>,
}

fn fixture() -> Fixture {
    let (registrar, changes) = changes();
    let discard = Discard::new(|lost| panic!("{lost:?}"));
    Fixture {
        registrar,
        router: Router::new(changes, LeastLoaded::new(), discard),
    }
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn name(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

fn queue(items: usize) -> Peers {
    Queue::new(Limits {
        items,
        bytes: 1 << 20,
    })
}

fn text(message: &Outbound) -> String {
    String::from_utf8_lossy(message.payload()).into_owned()
}

fn taken(queue: &Peers) -> Vec<String> {
    queue.drain().iter().map(text).collect()
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

impl Fixture {
    fn join(&mut self, identity: &str, items: usize) -> Peers {
        let queue = queue(items);
        self.registrar.insert(name(identity), queue.clone());
        let _ = self.router.poll_route(&mut cx());
        queue
    }

    /// As a session does when its connection ends.
    fn leave(&mut self, identity: &str, queue: &Peers) {
        queue.close();
        self.registrar.remove(name(identity));
        let _ = self.router.poll_route(&mut cx());
    }

    fn send(&mut self, payload: impl Into<Outbound>) {
        assert!(self.router.poll_route(&mut cx()).is_ready());
        self.router.route(&mut cx(), payload.into()).unwrap();
    }
}

/// Of two peers the balancer always looks at both.
#[test]
fn the_peer_for_which_less_waits_gets_the_message() {
    let mut it = fixture();
    let (a, b) = (it.join("a", 100), it.join("b", 100));
    // The choice that was made when they came is used up first.
    it.send("0");
    a.drain();
    a.push(Outbound::new(vec![0; 1000])).unwrap();
    for _ in 0..10 {
        it.send(vec![0; 49]);
    }
    assert_eq!((a.items(), b.items()), (1, 10));
    a.drain();
    for _ in 0..10 {
        it.send(vec![0; 49]);
    }
    assert_eq!((a.items(), b.items()), (10, 10));
    // From here on they are equal, and stay so.
    for _ in 0..20 {
        it.send("x");
    }
    assert_eq!((a.items(), b.items()), (20, 20));
}

#[test]
fn a_full_peer_is_passed_over_though_less_waits_for_it() {
    let mut it = fixture();
    let (full, free) = (it.join("full", 1), it.join("free", 100));
    free.push(Outbound::new(vec![0; 1000])).unwrap();
    for payload in ["1", "2", "3", "4"] {
        it.send(payload);
    }
    assert_eq!(full.items(), 1);
    assert_eq!(free.items(), 4);
}

#[test]
fn every_full_peer_wakes_whoever_waits() {
    let mut it = fixture();
    let peers = ["a", "b", "c"].map(|peer| it.join(peer, 1));
    for payload in ["1", "2", "3"] {
        it.send(payload);
    }
    let (wakes, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    for peer in &peers {
        assert!(it.router.poll_route(&mut cx).is_pending());
        assert_eq!(wakes.take(), 0);
        peer.drain();
        assert!(wakes.take() > 0);
        assert!(it.router.poll_route(&mut cx).is_ready());
        it.router.route(&mut cx, Outbound::new("again")).unwrap();
        assert_eq!(taken(peer), ["again"]);
        peer.push(Outbound::new("full")).unwrap();
        wakes.take();
    }
}

/// The first task that waits is replaced by the second.
#[test]
fn the_task_that_asked_last_is_woken_also_after_a_change() {
    let mut it = fixture();
    let (a, b) = (it.join("a", 1), it.join("b", 1));
    it.send("1");
    it.send("2");
    assert!(it.router.poll_route(&mut cx()).is_pending());
    let (wakes, waker) = counted();
    assert!(
        it.router
            .poll_route(&mut Context::from_waker(&waker))
            .is_pending()
    );
    // An addressed message finds out that its peer has gone.
    a.close();
    wakes.take();
    let message = Outbound::new("mail").to(name("a"));
    it.router.route(&mut cx(), message).unwrap();
    b.drain();
    assert!(wakes.take() > 0);
}

#[test]
fn a_peer_that_ends_after_it_was_chosen_loses_nothing() {
    let mut it = fixture();
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    b.push(Outbound::new("0")).unwrap();
    // The choice that was made before is used up.
    it.send("0");
    a.drain();
    assert!(it.router.poll_route(&mut cx()).is_ready());
    b.drain();
    a.close();
    it.router.route(&mut cx(), Outbound::new("1")).unwrap();
    it.send("2");
    it.leave("a", &a);
    it.send("3");
    assert_eq!(taken(&b), ["1", "2", "3"]);
}

#[test]
fn when_all_have_ended_the_message_comes_back_and_waits_for_others() {
    let mut it = fixture();
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    it.send("1");
    a.close();
    b.close();
    // Ready, so that placing takes them out of the set.
    assert!(it.router.poll_route(&mut cx()).is_ready());
    let back = it
        .router
        .route(&mut cx(), Outbound::new("2"))
        .unwrap_err()
        .into_message();
    assert!(!it.router.has_peers());
    assert!(it.router.poll_route(&mut cx()).is_pending());
    let c = it.join("c", 10);
    it.router.route(&mut cx(), back).unwrap();
    it.leave("a", &a);
    it.leave("b", &b);
    assert_eq!(taken(&c), ["2", "1"]);
}

/// The one that was chosen is gone, and the other is full.
#[test]
fn a_message_that_finds_no_place_comes_back() {
    let mut it = fixture();
    let (full, free) = (it.join("full", 1), it.join("free", 10));
    full.push(Outbound::new("1")).unwrap();
    // The choice that was made before is used up.
    it.send("2");
    assert!(it.router.poll_route(&mut cx()).is_ready());
    free.close();
    let back = it
        .router
        .route(&mut cx(), Outbound::new("3"))
        .unwrap_err()
        .into_message();
    let (wakes, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    assert!(it.router.poll_route(&mut cx).is_pending());
    assert_eq!(taken(&full), ["1"]);
    assert!(wakes.take() > 0);
    assert!(it.router.poll_route(&mut cx).is_ready());
    it.router.route(&mut cx, back).unwrap();
    assert_eq!(taken(&full), ["3"]);
    assert_eq!(taken(&free), ["2"]);
}

#[test]
fn a_peer_that_comes_back_is_used_again() {
    let mut it = fixture();
    let old = it.join("a", 10);
    it.send("1");
    old.close();
    // The new connection is told of before the end of the old one was seen.
    let new = it.join("a", 10);
    it.send("2");
    assert_eq!(taken(&new), ["1", "2"]);
    it.leave("a", &new);
    assert!(it.router.poll_route(&mut cx()).is_pending());
}

#[test]
fn it_can_be_chosen_at_run_time() {
    let mut policy = AnyPolicy::Other(Box::new(LeastLoaded::new()));
    let (a, b) = (queue(10), queue(10));
    let mut peers: PeerSet<_> = [(name("a"), a.clone()), (name("b"), b.clone())]
        .into_iter()
        .collect();
    a.push(Outbound::new("1")).unwrap();
    policy.peer_came(&name("b"), &b);
    policy.peer_came(&name("a"), &a);
    assert!(policy.poll_ready(&mut peers, &mut cx()).is_ready());
    policy.place(&mut peers, Outbound::new("2")).unwrap();
    assert_eq!(taken(&b), ["2"]);
    assert!(!policy.copies());
}

/// Whoever tries a policy on a set that it was not told of.
#[test]
fn peers_it_was_not_told_of_are_served_all_the_same() {
    let (a, b) = (queue(1), queue(1));
    a.push(Outbound::new("1")).unwrap();
    let mut peers: PeerSet<_> = [(name("a"), a.clone()), (name("b"), b.clone())]
        .into_iter()
        .collect();
    let mut policy = LeastLoaded::new();
    assert!(policy.poll_ready(&mut peers, &mut cx()).is_ready());
    policy.place(&mut peers, Outbound::new("2")).unwrap();
    assert!(policy.poll_ready(&mut peers, &mut cx()).is_pending());
    assert_eq!(taken(&b), ["2"]);
    b.close();
    let refused = policy.place(&mut peers, Outbound::new("3")).unwrap_err();
    assert_eq!(refused.position, Some(1));
    assert_eq!(refused.message, Outbound::new("3"));
}

/// The order and the time are left to chance; the sum is not.
#[test]
fn whoever_comes_and_goes_every_message_is_accounted_for() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut it = fixture();
        let mut peers: Vec<(String, Peers)> = Vec::new();
        let mut gone: Vec<(String, Peers)> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut sent = 0;
        let mut waiting: Vec<Outbound> = Vec::new();
        for step in 0..1000 {
            match rng.usize(0..10) {
                0 if peers.len() < 8 => {
                    let identity = format!("{}", rng.usize(0..12));
                    let taken = |(other, _): &(String, Peers)| *other == identity;
                    if !peers.iter().any(taken) && !gone.iter().any(taken) {
                        let queue = queue(rng.usize(1..6));
                        it.registrar.insert(name(&identity), queue.clone());
                        peers.push((identity, queue));
                    }
                }
                // Its end is seen in the queue, and told of later.
                1 if !peers.is_empty() => {
                    let peer = peers.swap_remove(rng.usize(0..peers.len()));
                    peer.1.close();
                    gone.push(peer);
                }
                2 if !gone.is_empty() => {
                    let (identity, _) = gone.swap_remove(rng.usize(0..gone.len()));
                    it.registrar.remove(name(&identity));
                }
                3 | 4 if !peers.is_empty() => {
                    let (_, queue) = &peers[rng.usize(0..peers.len())];
                    for message in taken(queue) {
                        *seen.entry(message).or_default() += 1;
                    }
                }
                5 => {
                    let _ = it.router.poll_route(&mut cx());
                }
                _ => {
                    if it.router.poll_route(&mut cx()).is_ready() {
                        // It may end between the two.
                        if rng.u8(0..8) == 0
                            && let Some(peer) = peers.pop()
                        {
                            peer.1.close();
                            gone.push(peer);
                        }
                        let message = waiting
                            .pop()
                            .unwrap_or_else(|| Outbound::new(format!("{seed}/{step}")));
                        sent += usize::from(text(&message) == format!("{seed}/{step}"));
                        if let Err(back) = it.router.route(&mut cx(), message) {
                            waiting.push(back.into_message());
                        }
                    }
                }
            }
        }
        for (identity, _) in gone {
            it.registrar.remove(name(&identity));
        }
        let _ = it.router.poll_route(&mut cx());
        let rest = peers.iter().flat_map(|(_, queue)| taken(queue));
        waiting.append(&mut it.router.drain());
        let rest: Vec<_> = rest.chain(waiting.iter().map(text)).collect();
        for message in rest {
            *seen.entry(message).or_default() += 1;
        }
        assert_eq!(seen.len(), sent, "seed {seed}");
        assert!(seen.values().all(|times| *times == 1), "seed {seed}");
    }
}

// ===== the balancer of tower's own =====

#[tokio::test]
async fn a_loaded_peer_works_in_a_balancer_of_ones_own() {
    let (registrar, changes) = changes();
    let mut balance = Balance::new(changes.map_ok(|change| match change {
        Change::Insert(identity, peer) => Change::Insert(identity, Loaded::new(peer)),
        Change::Remove(identity) => Change::Remove(identity),
    }));
    let (a, b) = (queue(10), queue(10));
    a.push(Outbound::new("a long one")).unwrap();
    registrar.insert(name("a"), a.clone());
    registrar.insert(name("b"), b.clone());
    let ready = |balance: &mut Balance<_, Outbound>| balance.poll_ready(&mut cx());
    for payload in ["1", "2", "3"] {
        assert!(matches!(ready(&mut balance), Poll::Ready(Ok(()))));
        balance.call(Outbound::new(payload)).await.unwrap();
    }
    assert_eq!(taken(&b), ["1", "2", "3"]);

    // A connection that ends after it was chosen hands the message back.
    registrar.remove(name("a"));
    assert!(matches!(ready(&mut balance), Poll::Ready(Ok(()))));
    b.close();
    let failed = balance.call(Outbound::new("4")).now_or_never().unwrap();
    let Closed(message) = *failed
        .unwrap_err()
        .downcast::<Closed<Option<Outbound>>>()
        .unwrap();
    assert_eq!(message, Some(Outbound::new("4")));
    assert!(ready(&mut balance).is_pending());
    assert!(balance.is_empty());
}
