//! Every interleaving of tasks that share a queue: no task sleeps for ever.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use aiomsg_core::{Limits, Weight};
use loom::future::block_on;
use loom::thread;

use super::*;
use crate::sync::every_interleaving;

/// An item. All have the same weight.
#[derive(Debug, PartialEq, Eq)]
struct Item(u8);

impl Weight for Item {
    fn weight(&self) -> usize {
        1
    }
}

fn queue(items: usize) -> Queue<Item> {
    Queue::new(Limits { items, bytes: 100 })
}

fn push(queue: &Queue<Item>, item: u8) -> Result<(), Closed> {
    block_on(poll_fn(|cx| queue.poll_ready(cx)))?;
    queue.push(Item(item)).map_err(|Closed(_)| Closed(()))
}

fn take(queue: &Queue<Item>) -> VecDeque<u8> {
    let mut batch = VecDeque::new();
    block_on(poll_fn(|cx| queue.poll_take(cx, &mut batch)));
    queue.release(batch.len(), batch.len());
    batch.into_iter().map(|Item(item)| item).collect()
}

fn pop(queue: &Queue<Item>) -> Option<u8> {
    block_on(poll_fn(|cx| queue.poll_pop_with(cx, |Item(item)| item)))
}

/// A task that gives up when it must wait: its waker stays behind.
fn give_up<T>(poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let mut poll = poll;
    block_on(poll_fn(|cx| {
        Poll::Ready(match poll(cx) {
            Poll::Ready(ready) => Some(ready),
            Poll::Pending => None,
        })
    }))
}

#[test]
fn a_producer_hears_of_room_and_a_consumer_of_items() {
    every_interleaving(|| {
        let queue = queue(1);
        let producer = queue.clone();
        let producer = thread::spawn(move || {
            for item in 0..2 {
                push(&producer, item).unwrap();
            }
        });
        let mut taken = Vec::new();
        while taken.len() < 2 {
            taken.extend(take(&queue));
        }
        assert_eq!(taken, [0, 1]);
        producer.join().unwrap();
    });
}

#[test]
fn the_same_item_by_item() {
    every_interleaving(|| {
        let queue = queue(1);
        let producer = queue.clone();
        let producer = thread::spawn(move || {
            for item in 0..2 {
                push(&producer, item).unwrap();
            }
        });
        assert_eq!([pop(&queue), pop(&queue)], [Some(0), Some(1)]);
        producer.join().unwrap();
    });
}

#[test]
fn two_producers_hear_of_the_room_of_one() {
    every_interleaving(|| {
        let queue = queue(1);
        queue.push(Item(0)).unwrap();
        let producers = [1, 2].map(|item| {
            let queue = queue.clone();
            thread::spawn(move || push(&queue, item).unwrap())
        });
        let mut taken = Vec::new();
        while taken.len() < 3 {
            taken.extend(take(&queue));
        }
        for producer in producers {
            producer.join().unwrap();
        }
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 2]);
    });
}

#[test]
fn closing_wakes_whoever_waits_for_room_and_for_items() {
    every_interleaving(|| {
        let (full, empty) = (queue(1), queue(1));
        full.push(Item(0)).unwrap();
        let (producer, consumer) = (full.clone(), empty.clone());
        let producer = thread::spawn(move || push(&producer, 1).unwrap_err());
        let consumer = thread::spawn(move || take(&consumer));
        full.close();
        empty.close();
        producer.join().unwrap();
        assert!(consumer.join().unwrap().is_empty());
        assert_eq!(full.drain(), [Item(0)]);
    });
}

#[test]
fn cutting_wakes_whoever_waits() {
    every_interleaving(|| {
        let queue = queue(1);
        let consumer = queue.clone();
        let consumer = thread::spawn(move || block_on(poll_fn(|cx| consumer.poll_cut(cx))));
        queue.cut();
        consumer.join().unwrap();
    });
}

/// An accepted item is there for a task that finds the queue closed, behind the items that
/// were put back.
#[test]
fn an_item_is_refused_or_left() {
    every_interleaving(|| {
        let queue = queue(10);
        let (producer, closer) = (queue.clone(), queue.clone());
        let producer = thread::spawn(move || producer.push(Item(2)).is_ok());
        let closer = thread::spawn(move || closer.close_with([Item(0), Item(1)].into_iter()));
        let before = queue.is_closed().then(|| queue.drain());
        closer.join().unwrap();
        let left = before.unwrap_or_else(|| queue.drain());
        let accepted = producer.join().unwrap();
        let expected: &[u8] = if accepted { &[0, 1, 2] } else { &[0, 1] };
        let left: Vec<_> = left.into_iter().map(|Item(item)| item).collect();
        assert_eq!(left, expected);
    });
}

/// Pitfall 28, in the queue: a task that no longer waited was woken in place of another.
#[test]
fn a_consumer_that_gave_up_takes_nobodys_wake() {
    every_interleaving(|| {
        let queue = queue(10);
        let (waits, gives_up) = (queue.clone(), queue.clone());
        let waits = thread::spawn(move || pop(&waits));
        let gives_up = thread::spawn(move || {
            if let Some(Some(item)) = give_up(|cx| gives_up.poll_pop(cx)) {
                gives_up.push(item).unwrap();
            }
        });
        queue.push(Item(7)).unwrap();
        assert_eq!(waits.join().unwrap(), Some(7));
        gives_up.join().unwrap();
    });
}

#[test]
fn a_producer_that_gave_up_takes_nobodys_wake() {
    every_interleaving(|| {
        let queue = queue(1);
        queue.push(Item(0)).unwrap();
        let (waits, gives_up) = (queue.clone(), queue.clone());
        let waits = thread::spawn(move || push(&waits, 1).unwrap());
        let gives_up = thread::spawn(move || {
            let _ = give_up(|cx| gives_up.poll_ready(cx));
        });
        assert_eq!(pop(&queue), Some(0));
        waits.join().unwrap();
        gives_up.join().unwrap();
        assert_eq!(pop(&queue), Some(1));
    });
}

/// A full list wakes all of its tasks, and the living ones register again.
#[test]
fn no_waker_is_lost_from_a_list_that_is_full() {
    every_interleaving(|| {
        let queue = queue(10);
        queue.lock().consumers.set_limit(1);
        let consumers =
            [queue.clone(), queue.clone()].map(|queue| thread::spawn(move || pop(&queue)));
        for item in 0..2 {
            queue.push(Item(item)).unwrap();
        }
        for consumer in consumers {
            assert!(consumer.join().unwrap().is_some());
        }
    });
}
