//! Readiness of the policy: it remembers which peers may have no room, and must be right.

use std::collections::BTreeSet;

use aiomsg_core::{Limits, Outbound};

use super::name;
use super::policy::publisher;
use crate::test_stack::Peer as Peers;

struct Joined {
    identity: String,
    peer: (Peers, usize),
    topics: BTreeSet<&'static str>,
}

impl Joined {
    fn has_room(&self) -> bool {
        self.peer.0.room().admit(0, 0)
    }
}

/// Each way in which room is used up: messages that are published, that are for
/// one peer, and that have waited for a peer when it comes.
#[test]
fn it_is_ready_when_all_subscribers_have_room_and_only_then() {
    const TOPICS: [&str; 4] = ["", "a", "ab", "b"];
    let (mut ready, mut full) = (0, 0);
    for seed in 0..50 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut it = publisher();
        let mut joined: Vec<Joined> = Vec::new();
        for step in 0..500 {
            let at = (!joined.is_empty()).then(|| rng.usize(0..joined.len()));
            match (rng.usize(0..9), at) {
                (0, _) if joined.len() < 6 => {
                    let identity = rng.usize(0..8).to_string();
                    if joined.iter().all(|other| other.identity != identity) {
                        let wants = if rng.bool() { &["b"][..] } else { &[] };
                        joined.push(Joined {
                            peer: it.join(&identity, rng.usize(1..5), wants),
                            topics: wants.iter().copied().collect(),
                            identity,
                        });
                    }
                }
                (1, Some(at)) => {
                    let gone = joined.swap_remove(at);
                    it.leave(&gone.identity, &gone.peer);
                }
                (2, Some(at)) => {
                    let topic = TOPICS[rng.usize(0..TOPICS.len())];
                    it.subscribe(joined[at].peer.1, topic);
                    joined[at].topics.insert(topic);
                }
                (3, Some(at)) => {
                    let topic = TOPICS[rng.usize(0..TOPICS.len())];
                    it.unsubscribe(joined[at].peer.1, topic);
                    joined[at].topics.remove(topic);
                }
                (4, Some(at)) => {
                    joined[at].peer.0.drain();
                }
                (5, Some(at)) if joined[at].has_room() => it.send_to(&joined[at].identity),
                (5, _) => {
                    // Some of these are absent, and have it when they come.
                    let identity = (8..10).map(|it| (it - rng.usize(0..8)).to_string());
                    let absent = |it: &String| joined.iter().all(|other| other.identity != *it);
                    for identity in identity.filter(absent) {
                        it.send_to(&identity);
                    }
                }
                _ => {}
            }
            if joined.is_empty() {
                continue;
            }
            let is_ready = it.is_ready();
            let room = |peer: &Joined| peer.topics.is_empty() || peer.has_room();
            assert_eq!(
                is_ready,
                joined.iter().all(room),
                "seed {seed}, step {step}"
            );
            match is_ready {
                true => ready += 1,
                false => full += 1,
            }
            if is_ready && rng.bool() {
                let payload = ["a", "abc", "b", "x"][rng.usize(0..4)];
                it.stack.call(payload);
            }
        }
    }
    assert!(ready > 1_000 && full > 1_000, "{ready} and {full}");
}

/// Its queue may have been filled before the send path knew of it.
#[test]
fn a_subscriber_that_comes_without_room_is_waited_for() {
    let mut it = publisher();
    let number = it.topics.shared().open(name("full"));
    it.subscribe(number, "news");
    let (_other, _) = it.join("other", 1, &["news"]);
    assert!(it.is_ready());
    let queue = Peers::new(Limits {
        items: 1,
        bytes: 1_000,
    });
    queue.push(Outbound::new("before")).unwrap();
    it.stack.peers.insert(name("full"), queue.clone());
    assert!(!it.is_ready());
    queue.drain();
    assert!(it.is_ready());
}
