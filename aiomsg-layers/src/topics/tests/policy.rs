//! The subscribers get a message.

use std::collections::BTreeSet;
use std::task::Context;

use aiomsg_core::{DropReason, Outbound, Target};

use super::*;
use crate::distribute::{PeerSet, Pick, Policy};
use crate::test_stack::{Peer as Peers, Stack, taken};

pub(super) struct Publisher {
    pub(super) topics: Topics,
    pub(super) stack: Stack<ByTopic>,
}

pub(super) fn publisher() -> Publisher {
    let topics = Topics::new();
    Publisher {
        stack: Stack::new(topics.policy()),
        topics,
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
        (self.stack.join(identity, items), number)
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
        self.stack.leave(identity, queue);
    }

    pub(super) fn is_ready(&mut self) -> bool {
        self.stack.is_ready()
    }

    fn publish(&mut self, payload: &'static str) {
        self.stack.send(payload);
    }

    /// Sends to one peer, whatever it has subscribed to.
    pub(super) fn send_to(&mut self, identity: &str) {
        self.stack.send_to(identity, "for you");
    }

    fn unwanted(&self) -> Vec<String> {
        let lost = std::mem::take(&mut *self.stack.lost.lock().unwrap());
        lost.into_iter()
            .map(|(message, reason)| {
                assert_eq!(reason, DropReason::Unwanted);
                message
            })
            .collect()
    }
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
    assert_eq!(it.unwanted(), ["weather"]);
    assert!(a.is_empty());
    let mut policy = it.topics.policy();
    let peers: PeerSet<_> = [(name("a"), a)].into_iter().collect();
    let picked = policy.pick(&peers, &Outbound::new("x"));
    assert!(matches!(picked, Pick::Nobody));
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
    assert_eq!(it.unwanted(), ["news 2"]);
}

#[test]
fn it_waits_for_subscribers_and_for_nobody_else() {
    let mut it = publisher();
    let (mute, number) = it.join("mute", 1, &[]);
    let (_a, _) = it.join("a", 10, &["news"]);
    it.send_to("mute");
    it.publish("news 1");
    it.subscribe(number, "weather");
    assert!(!it.is_ready());
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
    assert!(!it.stack.poll_ready(&mut cx));
    it.unsubscribe(number, "a");
    assert_eq!(wakes.take(), 0);
    assert!(!it.stack.poll_ready(&mut cx));
    it.unsubscribe(number, "b");
    assert_eq!(wakes.take(), 1);
    assert!(it.stack.poll_ready(&mut cx));
    it.subscribe(number, "a");
    assert!(!it.stack.poll_ready(&mut cx));
    it.topics.shared().close(number);
    assert_eq!(wakes.take(), 1);
    assert!(it.stack.poll_ready(&mut cx));
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
