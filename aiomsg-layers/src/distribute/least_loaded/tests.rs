use std::collections::HashMap;
use std::task::Context;

use aiomsg_core::Outbound;

use super::LeastLoaded;
use crate::distribute::{AnyPolicy, PeerSet, Pick, Policy};
use crate::test_stack::{Peer, Stack, cx, name, queue, taken, text};
use crate::test_wakes::counted;

fn stack() -> Stack<LeastLoaded> {
    Stack::new(LeastLoaded::with_seed(7))
}

/// Of two peers it always looks at both.
#[test]
fn the_peer_for_which_less_waits_gets_the_message() {
    let mut it = stack();
    let (a, b) = (it.join("a", 100), it.join("b", 100));
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
fn two_of_many_are_drawn_and_all_of_them_are_used() {
    let mut it = stack();
    let peers: Vec<_> = (0..10).map(|n| it.join(&n.to_string(), 1000)).collect();
    for _ in 0..1000 {
        it.send("x");
    }
    for peer in peers {
        assert!((90..=110).contains(&peer.items()), "{}", peer.items());
    }
}

#[test]
fn a_full_peer_is_passed_over_though_less_waits_for_it() {
    let mut it = stack();
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
    let mut it = stack();
    let peers = ["a", "b", "c"].map(|peer| it.join(peer, 1));
    for payload in ["1", "2", "3"] {
        it.send(payload);
    }
    let (wakes, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    for peer in &peers {
        assert!(!it.poll_ready(&mut cx));
        assert_eq!(wakes.take(), 0);
        peer.drain();
        assert!(wakes.take() > 0);
        assert!(it.poll_ready(&mut cx));
        it.call("again");
        assert_eq!(taken(peer), ["again"]);
        peer.push(Outbound::new("full")).unwrap();
        it.peers.filled(&name(
            ["a", "b", "c"][peers.iter().position(|it| std::ptr::eq(it, peer)).unwrap()],
        ));
        let _ = it.poll_ready(&mut cx);
        wakes.take();
    }
}

/// The first task that waits is replaced by the second.
#[test]
fn the_task_that_asked_last_is_woken_also_after_a_change() {
    let mut it = stack();
    let (a, b) = (it.join("a", 1), it.join("b", 1));
    it.send("1");
    it.send("2");
    assert!(!it.is_ready());
    let (wakes, waker) = counted();
    assert!(!it.poll_ready(&mut Context::from_waker(&waker)));
    // An addressed message finds out that its peer has gone.
    a.close();
    wakes.take();
    it.send_to("a", "mail");
    b.drain();
    assert!(wakes.take() > 0);
}

#[test]
fn a_peer_that_ends_after_it_was_ready_loses_nothing() {
    let mut it = stack();
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    b.push(Outbound::new("0")).unwrap();
    assert!(it.is_ready());
    b.drain();
    a.close();
    it.call("1");
    it.send("2");
    it.leave("a", &a);
    it.send("3");
    assert_eq!(taken(&b), ["1", "2", "3"]);
}

#[test]
fn when_all_have_ended_the_message_waits_for_others() {
    let mut it = stack();
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    it.send("1");
    a.close();
    b.close();
    // Ready, so that placing takes them out of the set.
    assert!(it.is_ready());
    it.call("2");
    assert!(it.service.get_ref().reach().is_nobody() || !it.is_ready());
    let c = it.join("c", 10);
    it.leave("a", &a);
    it.leave("b", &b);
    assert_eq!(taken(&c), ["2", "1"]);
}

/// One is gone, and the other is full.
#[test]
fn a_message_that_finds_no_place_waits() {
    let mut it = stack();
    let (full, free) = (it.join("full", 1), it.join("free", 10));
    it.send_to("full", "1");
    it.send("2");
    assert!(it.is_ready());
    free.close();
    it.call("3");
    let (wakes, waker) = counted();
    let mut cx = Context::from_waker(&waker);
    assert!(!it.poll_ready(&mut cx));
    assert_eq!(taken(&full), ["1"]);
    assert!(wakes.take() > 0);
    it.poll_ready(&mut cx);
    assert_eq!(taken(&full), ["3"]);
    assert_eq!(taken(&free), ["2"]);
}

#[test]
fn a_peer_that_comes_back_is_used_again() {
    let mut it = stack();
    let old = it.join("a", 10);
    it.send("1");
    old.close();
    // The new connection is reported before the end of the old one was seen.
    let new = it.join("a", 10);
    it.send("2");
    assert_eq!(taken(&new), ["1", "2"]);
    it.leave("a", &new);
    assert!(!it.is_ready());
}

#[test]
fn it_can_be_chosen_at_run_time() {
    let mut policy = AnyPolicy::Other(Box::new(LeastLoaded::new()));
    let (a, b) = (queue(10), queue(10));
    let peers: PeerSet<Peer> = [(name("a"), a.clone()), (name("b"), b)]
        .into_iter()
        .collect();
    a.push(Outbound::new("1")).unwrap();
    assert!(policy.poll_ready(&peers, &mut cx()).is_ready());
    let picked = policy.pick(&peers, &Outbound::new("2"));
    assert!(matches!(picked, Pick::One(1)));
    assert!(!Policy::<Peer>::copies(&policy));
}

/// The order and the time are left to chance; the sum is not.
#[test]
fn whoever_comes_and_goes_every_message_is_accounted_for() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut it = Stack::new(LeastLoaded::with_seed(seed));
        let mut peers: Vec<(String, Peer)> = Vec::new();
        let mut gone: Vec<(String, Peer)> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut sent = 0;
        for step in 0..1000 {
            match rng.usize(0..10) {
                0 if peers.len() < 8 => {
                    let identity = format!("{}", rng.usize(0..12));
                    let taken = |(other, _): &(String, Peer)| *other == identity;
                    if !peers.iter().any(taken) && !gone.iter().any(taken) {
                        let queue = queue(rng.usize(1..6));
                        it.peers.insert(name(&identity), queue.clone());
                        peers.push((identity, queue));
                    }
                }
                // Its end is seen in the queue, and reported later.
                1 if !peers.is_empty() => {
                    let peer = peers.swap_remove(rng.usize(0..peers.len()));
                    peer.1.close();
                    gone.push(peer);
                }
                2 if !gone.is_empty() => {
                    let (identity, _) = gone.swap_remove(rng.usize(0..gone.len()));
                    it.peers.remove(&name(&identity));
                }
                3 | 4 if !peers.is_empty() => {
                    let (_, queue) = &peers[rng.usize(0..peers.len())];
                    for message in taken(queue) {
                        *seen.entry(message).or_default() += 1;
                    }
                }
                5 => {
                    let _ = it.is_ready();
                }
                _ => {
                    if it.is_ready() {
                        // It may end between the two.
                        if rng.u8(0..8) == 0
                            && let Some(peer) = peers.pop()
                        {
                            peer.1.close();
                            gone.push(peer);
                        }
                        it.call(format!("{seed}/{step}"));
                        sent += 1;
                    }
                }
            }
            for (_, queue) in &peers {
                assert!(queue.items() <= 5, "seed {seed}");
            }
        }
        for (identity, _) in gone {
            it.peers.remove(&name(&identity));
        }
        let _ = it.is_ready();
        let rest = peers.iter().flat_map(|(_, queue)| taken(queue));
        let held = it.service.get_mut().drain();
        for message in rest.chain(held.iter().map(text)) {
            *seen.entry(message).or_default() += 1;
        }
        assert_eq!(seen.len(), sent, "seed {seed}");
        assert!(seen.values().all(|times| *times == 1), "seed {seed}");
    }
}

// ===== the balancer of tower's own =====

#[cfg(feature = "balance")]
#[tokio::test]
async fn a_loaded_peer_works_in_a_balancer_of_ones_own() {
    use super::Loaded;
    use crate::queue::Closed;
    use futures::FutureExt;
    use std::convert::Infallible;
    use std::task::Poll;
    use tower::Service;
    use tower::balance::p2c::Balance;
    use tower::discover::Change;

    let (tell, changes) = futures::channel::mpsc::unbounded::<Result<_, Infallible>>();
    let mut balance = Balance::new(changes);
    let (a, b) = (queue(10), queue(10));
    a.push(Outbound::new("a long one")).unwrap();
    for (identity, peer) in [("a", &a), ("b", &b)] {
        let peer = Loaded::new(peer.clone());
        tell.unbounded_send(Ok(Change::Insert(identity, peer)))
            .unwrap();
    }
    let ready = |balance: &mut Balance<_, Outbound>| balance.poll_ready(&mut cx());
    for payload in ["1", "2", "3"] {
        assert!(matches!(ready(&mut balance), Poll::Ready(Ok(()))));
        balance.call(Outbound::new(payload)).await.unwrap();
    }
    assert_eq!(taken(&b), ["1", "2", "3"]);

    // A connection that ends after it was chosen hands the message back.
    tell.unbounded_send(Ok(Change::Remove("a"))).unwrap();
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
