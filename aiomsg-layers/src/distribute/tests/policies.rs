use crate::distribute::{Publish, RoundRobin};
use crate::test_stack::{Stack, name, queue, taken};
use aiomsg_core::{DropReason, Outbound, Target};

fn round_robin() -> Stack<RoundRobin> {
    Stack::new(RoundRobin::new())
}

#[test]
fn round_robin_takes_turns() {
    let mut it = round_robin();
    let [a, b, c] = ["a", "b", "c"].map(|peer| it.join(peer, 10));
    for payload in ["1", "2", "3", "4", "5", "6", "7"] {
        it.send(payload);
    }
    assert_eq!(taken(&a), ["1", "4", "7"]);
    assert_eq!(taken(&b), ["2", "5"]);
    assert_eq!(taken(&c), ["3", "6"]);
}

/// Pitfall 21: a round robin that stays with a full peer while others are
/// free.
#[test]
fn round_robin_passes_over_a_full_peer() {
    let mut it = round_robin();
    let (full, free) = (it.join("full", 1), it.join("free", 10));
    for payload in ["1", "2", "3", "4"] {
        it.send(payload);
    }
    assert_eq!(taken(&full), ["1"]);
    assert_eq!(taken(&free), ["2", "3", "4"]);
}

#[test]
fn round_robin_waits_when_all_are_full() {
    let mut it = round_robin();
    let peers = ["a", "b"].map(|peer| it.join(peer, 1));
    it.send("1");
    it.send("2");
    assert!(!it.is_ready());
    peers[1].drain();
    assert!(it.is_ready());
}

/// A peer comes and goes without a poll in between.
#[test]
fn who_comes_and_goes_is_known_with_the_next_message() {
    let mut it = round_robin();
    let a = queue(10);
    it.peers.insert(name("a"), a.clone());
    it.send("1");
    it.send_to("a", "2");
    assert_eq!(taken(&a), ["1", "2"]);
    it.peers.remove(&name("a"));
    assert!(!it.is_ready(), "nobody is there");
    it.send_to("a", "3");
    assert!(taken(&a).is_empty());
}

#[test]
fn publish_gives_everyone_a_copy_and_reports_those_that_are_lost() {
    let mut it = Stack::new(Publish::new());
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    it.send("news");
    let copies = a.drain();
    assert_eq!(copies[0].payload(), "news");
    assert!(copies.iter().all(|copy| *copy.target() == Target::Copy));
    it.leave("b", &b);
    assert_eq!(
        *it.lost.lock().unwrap(),
        [("news".to_owned(), DropReason::PeerGone)]
    );
    assert!(taken(&a).is_empty(), "a has its copy");
}

#[test]
fn publish_waits_for_the_slowest() {
    let mut it = Stack::new(Publish::new());
    let (_a, b) = (it.join("a", 10), it.join("b", 1));
    it.send("1");
    assert!(!it.is_ready());
    b.drain();
    assert!(it.is_ready());
}

/// No peer took a copy, so the message is not lost.
#[test]
fn what_is_published_to_connections_that_have_ended_waits_for_others() {
    let mut it = Stack::new(Publish::new());
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    assert!(it.is_ready());
    a.close();
    b.close();
    it.call("news");
    assert_eq!(it.held(), 1);
    let c = it.join("c", 10);
    assert_eq!(taken(&c), ["news"]);
    assert!(taken(&a).is_empty() && taken(&b).is_empty());
}

/// Pitfall 38: of two stacks with the same two peers, each had reserved the last
/// place at one of them and waited for the other.
#[test]
fn two_stacks_of_the_same_peers_do_not_hold_each_others_places() {
    let mut stacks = [(); 2].map(|()| Stack::new(Publish::new()));
    let peers = ["a", "b"].map(|peer| {
        let queue = stacks[0].join(peer, 1);
        (name(peer), queue)
    });
    // The other knows them the other way round.
    for (identity, queue) in peers.iter().rev() {
        stacks[1].peers.insert(identity.clone(), queue.clone());
    }
    // The first finds one of them full, and so does the second, the other one.
    peers[0].1.push(Outbound::new("in the way")).unwrap();
    stacks[0].peers.filled(&peers[0].0);
    assert!(!stacks[0].is_ready());
    peers[0].1.drain();
    peers[1].1.push(Outbound::new("in the way")).unwrap();
    assert!(!stacks[1].is_ready());
    peers[1].1.drain();
    // Both have room now, and whichever asks first may go first.
    for stack in [1, 0] {
        assert!(stacks[stack].is_ready(), "{stack}");
        stacks[stack].send("news");
        for (_, queue) in &peers {
            assert_eq!(taken(queue), ["news"]);
        }
    }
}
