use std::task::Waker;

use aiomsg_core::{DropReason, Outbound};

use super::*;

const LIMITS: Limits = Limits {
    items: 4,
    bytes: 100,
};

fn event(bytes: usize) -> Event {
    Event::Dropped {
        message: Outbound::new(vec![0; bytes]),
        reason: DropReason::Overflow,
    }
}

/// The weights of its events; a negative number counts missed ones.
fn heard(listener: &mut Listener) -> Vec<i64> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    while let Poll::Ready(heard) = listener.poll_next(&mut cx) {
        match heard {
            Heard::Event(event) => all.push(event.weight() as i64),
            Heard::Missed(count) => all.push(-(count as i64)),
            Heard::End => break,
        }
    }
    all
}

/// How many events, with how many bytes.
fn kept(log: &EventLog) -> (usize, usize) {
    let state = log.lock();
    (state.len(), state.bytes)
}

#[test]
fn a_slow_listener_misses_the_oldest_by_number_or_by_bytes() {
    let log = EventLog::new(LIMITS);
    let (mut fast, mut slow) = (log.listen(), log.listen());
    for bytes in [1, 2, 3, 4, 5] {
        log.add(event(bytes));
        assert_eq!(heard(&mut fast), [bytes as i64]);
    }
    assert_eq!(heard(&mut slow), [-1, 2, 3, 4, 5]);
    for bytes in [10, 50, 40, 30] {
        log.add(event(bytes));
    }
    assert_eq!(heard(&mut slow), [-2, 40, 30]);
    // Larger than all may be.
    log.add(event(1000));
    assert_eq!(heard(&mut slow), [1000]);
    assert_eq!(heard(&mut fast), [-4, 1000]);
}

/// They pushed out all others.
#[test]
fn events_about_connections_leave_half_of_the_room_to_others() {
    let log = EventLog::new(Limits {
        items: 6,
        bytes: 100,
    });
    let mut listener = log.listen();
    for bytes in 1..=4 {
        log.add(event(bytes));
    }
    for count in 1..=50 {
        log.add(Event::AcceptFailuresOmitted { count });
    }
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = Vec::new();
    while let Poll::Ready(heard) = listener.poll_next(&mut cx) {
        all.push(match heard {
            Heard::Event(Event::AcceptFailuresOmitted { count }) => count.to_string(),
            Heard::Event(event) => format!("{} bytes", event.weight()),
            Heard::Missed(count) => format!("{count} missed"),
            Heard::End => break,
        });
    }
    let rest = [
        "2 bytes",
        "3 bytes",
        "4 bytes",
        "47 missed",
        "48",
        "49",
        "50",
    ];
    assert_eq!(all, [&["1 missed"][..], &rest].concat());
    assert_eq!(kept(&log), (0, 0));
}

#[test]
fn nothing_is_kept_that_nobody_has_yet_to_see() {
    let log = EventLog::new(LIMITS);
    log.add(event(1));
    let (mut one, mut other) = (log.listen(), log.listen());
    log.add(event(2));
    assert_eq!(heard(&mut one), [2]);
    assert_eq!(kept(&log), (1, 2));
    assert_eq!(heard(&mut other), [2]);
    assert_eq!(kept(&log), (0, 0));
    log.add(event(3));
    drop(one);
    assert_eq!(kept(&log), (1, 3));
    drop(other);
    assert_eq!(kept(&log), (0, 0));
}

#[test]
fn what_happened_before_the_end_is_heard_before_it() {
    let log = EventLog::new(LIMITS);
    let mut listener = log.listen();
    log.add(event(1));
    log.end();
    log.add(event(2));
    assert_eq!(heard(&mut listener), [1]);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(
        listener.poll_next(&mut cx),
        Poll::Ready(Heard::End)
    ));
    assert!(heard(&mut log.listen()).is_empty());
}
