//! No queue is filled beyond its bound, and nothing is lost at it.

use crate::distribute::{Publish, RoundRobin};
use crate::queue::Queue;
use crate::test_stack::{Stack, taken};
use aiomsg_core::Outbound;

fn numbered(range: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = Outbound> {
    range.map(|n| Outbound::new(n.to_string()))
}

/// Sends these as far as there is room, and says how many are left.
fn send_all<Q: crate::distribute::Policy<crate::test_stack::Peer>>(
    it: &mut Stack<Q>,
    messages: impl IntoIterator<Item = Outbound>,
) -> usize {
    let mut messages = messages.into_iter();
    while it.is_ready() {
        match messages.next() {
            Some(message) => it.call(message),
            None => return 0,
        }
    }
    messages.count()
}

#[test]
fn many_are_shared_evenly_and_the_turns_go_on() {
    let mut it = Stack::new(RoundRobin::new());
    let [a, b, c] = ["a", "b", "c"].map(|peer| it.join(peer, 10));
    assert_eq!(send_all(&mut it, numbered(1..=7)), 0);
    assert_eq!([&a, &b, &c].map(Queue::items), [3, 2, 2]);
    // Fewer than there are peers, time and again.
    assert_eq!(send_all(&mut it, numbered(8..=8)), 0);
    assert_eq!(send_all(&mut it, numbered(9..=9)), 0);
    assert_eq!([&a, &b, &c].map(Queue::items), [3, 3, 3]);
}

#[test]
fn many_go_as_far_as_there_is_room_and_no_message_is_lost() {
    let mut it = Stack::new(RoundRobin::new());
    let queues = ["a", "b"].map(|peer| it.join(peer, 2));
    assert_eq!(send_all(&mut it, numbered(1..=8)), 4);
    assert_eq!(queues.each_ref().map(Queue::items), [2, 2]);
    let mut sent: Vec<_> = queues.iter().flat_map(taken).collect();
    sent.sort();
    assert_eq!(sent, ["1", "2", "3", "4"]);
    let mut nobody = Stack::new(RoundRobin::new());
    assert_eq!(send_all(&mut nobody, numbered(1..=2)), 2);
}

#[test]
fn many_are_published_as_far_as_all_have_room() {
    let mut it = Stack::new(Publish::new());
    let (small, large) = (it.join("small", 3), it.join("large", 10));
    assert_eq!(send_all(&mut it, numbered(1..=5)), 2);
    for queue in [&small, &large] {
        assert_eq!(taken(queue), ["1", "2", "3"]);
    }
    assert_eq!(send_all(&mut it, numbered(4..=5)), 0);
    for queue in [&small, &large] {
        assert_eq!(taken(queue), ["4", "5"]);
    }
}

/// Known room is not used twice.
#[test]
fn what_is_published_keeps_the_bounds_whatever_else_uses_the_room() {
    let mut it = Stack::new(Publish::new());
    let a = it.join("a", 4);
    it.send("1");
    it.send_to("a", "2");
    it.send_to("a", "3");
    it.send("4");
    assert!(!it.is_ready());
    assert_eq!(a.items(), 4);

    // An addressed message may use the last room, too.
    taken(&a);
    for payload in ["1", "2", "3"] {
        it.send(payload);
    }
    it.send_to("a", "4");
    assert!(!it.is_ready());
    assert_eq!(a.items(), 4);

    // One that comes later has less.
    taken(&a);
    it.send("1");
    let b = it.join("b", 1);
    it.send("2");
    assert!(!it.is_ready());
    assert_eq!((a.items(), b.items()), (2, 1));
    // One whose connection has ended gets none.
    b.close();
    taken(&b);
    it.send("3");
    assert_eq!((a.items(), b.items()), (3, 0));
}

/// Another task pushes into the queue of a peer, and the table does not know.
#[test]
fn room_that_is_gone_without_a_word_is_found_out() {
    let mut it = Stack::new(RoundRobin::new());
    let [a, b] = ["a", "b"].map(|peer| it.join(peer, 2));
    for _ in 0..2 {
        a.push(Outbound::new("of others")).unwrap();
    }
    for payload in ["1", "2"] {
        it.send(payload);
    }
    assert_eq!(taken(&b), ["1", "2"]);
    for _ in 0..2 {
        b.push(Outbound::new("of others")).unwrap();
    }
    // It was ready, and keeps the message.
    it.call("3");
    assert!(!it.is_ready());
    assert_eq!((a.items(), b.items()), (2, 2));
    b.drain();
    assert!(it.is_ready());
    assert_eq!(taken(&b), ["3"]);
}
