//! Unsent messages of a connection that has ended.

use crate::distribute::RoundRobin;
use crate::test_stack::{Stack, cx, taken, text};

fn round_robin() -> Stack<RoundRobin> {
    Stack::new(RoundRobin::new())
}

/// Pitfall 20: the queue of a connection that died was dropped; and pitfall 19: returned
/// messages went to the end of the line.
#[test]
fn what_waited_for_a_connection_that_ended_goes_elsewhere_and_first() {
    let mut it = round_robin();
    let a = it.join("a", 10);
    for payload in ["1", "2", "3"] {
        it.send(payload);
    }
    it.leave("a", &a);
    assert!(!it.is_ready(), "nobody is there");
    let b = it.join("b", 10);
    it.send("4");
    assert_eq!(taken(&b), ["1", "2", "3", "4"]);
}

/// The end is seen in the queue before the table hears of it.
#[test]
fn an_end_that_is_seen_before_it_is_told_loses_nothing() {
    let mut it = round_robin();
    let (a, b) = (it.join("a", 10), it.join("b", 10));
    for payload in ["1", "2", "3", "4"] {
        it.send(payload);
    }
    a.close();
    it.send("5");
    // It takes no more, and goes on sending its messages.
    let mut batch = std::collections::VecDeque::new();
    assert!(a.poll_take(&mut cx(), &mut batch).is_ready());
    assert_eq!(text(&batch.pop_front().unwrap()), "1");
    a.close_with(batch.into_iter());
    it.leave("a", &a);
    assert_eq!(taken(&b), ["2", "4", "5", "3"]);
}

/// A connection that took some of what another had left, and ends in turn.
#[test]
fn what_is_left_twice_keeps_its_order() {
    let mut it = round_robin();
    let a = it.join("a", 10);
    for payload in ["1", "2", "3", "4", "5"] {
        it.send(payload);
    }
    it.leave("a", &a);
    let b = it.join("b", 2);
    it.leave("b", &b);
    let c = it.join("c", 10);
    assert_eq!(taken(&c), ["1", "2", "3", "4", "5"]);
}

/// Pitfall 19: a message whose peer turned out to be gone went to the end of the
/// line.
#[test]
fn what_finds_its_peer_gone_stays_first_in_line() {
    let mut it = round_robin();
    let a = it.join("a", 10);
    for payload in ["1", "2", "3"] {
        it.send(payload);
    }
    let full = it.join("full", 1);
    it.send_to("full", "in the way");
    let gone = it.join("gone", 10);
    gone.close();
    // Its messages are offered to a full peer, and to one that has ended.
    it.leave("a", &a);
    assert_eq!(taken(&full), ["in the way"]);
    for payload in ["1", "2", "3"] {
        let _ = it.is_ready();
        assert_eq!(taken(&full), [payload]);
    }
}

/// Later messages wait behind it.
#[test]
fn nothing_new_passes_what_waits_to_be_placed_again() {
    let mut it = round_robin();
    let a = it.join("a", 10);
    for payload in ["1", "2"] {
        it.send(payload);
    }
    let b = it.join("b", 1);
    it.leave("a", &a);
    assert!(!it.is_ready());
    it.call("3");
    assert_eq!(it.held(), 2);
    for payload in ["1", "2", "3"] {
        assert_eq!(taken(&b), [payload]);
        let _ = it.is_ready();
    }
}
