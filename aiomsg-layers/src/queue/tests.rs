use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Limits, Outbound};

use super::*;

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn queue(items: usize, bytes: usize) -> Queue<Outbound> {
    Queue::new(Limits { items, bytes })
}

#[test]
fn bytes_are_a_bound_of_their_own() {
    let queue = queue(100, 10);
    queue.push(Outbound::new("123456789")).unwrap();
    assert!(queue.poll_ready(&mut cx()).is_ready(), "nine bytes of ten");
    queue.push(Outbound::new("a large one")).unwrap();
    assert!(queue.poll_ready(&mut cx()).is_pending());
    assert_eq!(queue.bytes(), 20);
}

#[test]
fn one_item_above_the_bound_passes_an_empty_queue() {
    let queue = queue(1, 1);
    assert!(queue.poll_ready(&mut cx()).is_ready());
    queue.push(Outbound::new("large")).unwrap();
    assert!(matches!(queue.poll_pop(&mut cx()), Poll::Ready(Some(_))));
    assert!(queue.is_empty());
}

#[test]
fn a_closed_queue_hands_the_item_back_and_can_be_emptied() {
    let queue = queue(10, 100);
    queue.push(Outbound::new("in time")).unwrap();
    queue.close();
    let Closed(back) = queue.push(Outbound::new("late")).unwrap_err();
    assert_eq!(back.payload(), "late");
    assert!(matches!(queue.poll_ready(&mut cx()), Poll::Ready(Err(_))));
    assert!(matches!(queue.poll_pop(&mut cx()), Poll::Ready(Some(_))));
    assert!(matches!(queue.poll_pop(&mut cx()), Poll::Ready(None)));
}

#[test]
fn what_comes_back_at_the_close_comes_first_and_in_order() {
    let queue = queue(10, 100);
    queue.push(Outbound::new("3")).unwrap();
    queue.close_with(["1", "2"].map(Outbound::new).into_iter());
    let order: Vec<_> = queue
        .drain()
        .into_iter()
        .map(Outbound::into_payload)
        .collect();
    assert_eq!(order, ["1", "2", "3"]);
    assert!(queue.is_empty());
}

#[test]
fn what_is_tried_keeps_the_bound_and_comes_back() {
    let queue = queue(2, 100);
    for payload in ["1", "2"] {
        queue.try_push(Outbound::new(payload)).unwrap();
    }
    let back = queue.try_push(Outbound::new("3")).unwrap_err();
    assert_eq!((back.payload(), queue.items()), (&"3".into(), 2));
    queue.raise_limits(Limits { items: 1, bytes: 0 });
    queue.try_push(back).unwrap();
    queue.close();
    queue.try_push(Outbound::new("4")).unwrap_err();
    assert_eq!(queue.drain().len(), 3);
}

/// The end of a session found its queue empty, since what it had taken before
/// counted no more when it was closed and was released after that.
#[test]
fn what_was_taken_before_the_close_counts_until_it_is_released() {
    let queue = queue(10, 100);
    let mut cx = Context::from_waker(Waker::noop());
    let mut batch = VecDeque::new();
    queue.push(Outbound::new("taken")).unwrap();
    assert!(queue.poll_take(&mut cx, &mut batch).is_ready());
    queue.push(Outbound::new("waits")).unwrap();
    queue.close();
    queue.release(1, 5);
    assert!(!queue.is_empty());
    assert_eq!((queue.items(), queue.bytes()), (1, 5));
}

#[test]
fn a_batch_goes_behind_what_is_there() {
    let queue = queue(10, 100);
    for batch in [["1", "2"], ["3", "4"]] {
        let mut batch = batch.map(Outbound::new).into();
        queue.push_batch(&mut batch).unwrap();
        assert!(batch.is_empty());
    }
    assert_eq!((queue.items(), queue.bytes()), (4, 4));
    let order = queue.drain().into_iter().map(Outbound::into_payload);
    assert_eq!(order.collect::<Vec<_>>(), ["1", "2", "3", "4"]);
}

#[test]
fn they_are_taken_up_to_the_bound_and_popped_up_to_what_is_wanted() {
    let queue = queue(3, 100);
    let mut cx = cx();
    let mut messages: VecDeque<_> = ["1", "2", "3", "4"].map(Outbound::new).into();
    let offer = |messages: &mut VecDeque<Outbound>| {
        let mut message = messages.pop_front();
        let offered = queue.offer(&mut message);
        messages.extend(message);
        offered
    };
    let offered = [(); 4].map(|()| offer(&mut messages));
    let [room, filled, full] = [Offered::Room, Offered::Filled, Offered::Full];
    assert_eq!(offered, [room, room, filled, full]);
    assert_eq!((messages.len(), queue.items(), queue.bytes()), (1, 3, 3));

    let mut popped = vec![Outbound::new("0")];
    assert_eq!(queue.poll_pop_all(&mut cx, &mut popped, 0), Poll::Ready(0));
    assert_eq!(queue.poll_pop_all(&mut cx, &mut popped, 2), Poll::Ready(2));
    assert_eq!(queue.poll_pop_all(&mut cx, &mut popped, 9), Poll::Ready(1));
    let order = popped.into_iter().map(Outbound::into_payload);
    assert_eq!(order.collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    assert_eq!((queue.items(), queue.bytes()), (0, 0));

    let mut none = Vec::new();
    assert!(queue.poll_pop_all(&mut cx, &mut none, 9).is_pending());
    queue.close();
    assert_eq!(queue.poll_pop_all(&mut cx, &mut none, 9), Poll::Ready(0));
    assert_eq!(offer(&mut messages), Offered::Closed);
    assert_eq!(messages.len(), 1);
}

/// A session pops and a caller pushes: neither is to end with such a function.
#[test]
fn a_function_of_levels_that_panics_costs_its_caller_nothing() {
    let limits = Limits {
        items: 1,
        bytes: 100,
    };
    let queue = Queue::with_levels(limits, |_| panic!("as the test wants"));
    let mut cx = Context::from_waker(Waker::noop());
    queue.push(Outbound::new("one")).unwrap();
    assert!(queue.poll_ready(&mut cx).is_pending());
    let popped = queue.poll_pop(&mut cx);
    assert!(matches!(popped, Poll::Ready(Some(it)) if it.payload() == "one"));
    assert!(queue.poll_ready(&mut cx).is_ready());
}
