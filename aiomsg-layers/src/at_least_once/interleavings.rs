//! Every interleaving of the tasks that share the unacknowledged messages.

use std::future::poll_fn;
use std::task::Poll;

use aiomsg_core::{Discard, Limits, MessageId, Outbound};
use loom::future::block_on;
use loom::thread;

use super::{Settings, Unacked};
use crate::sync::every_interleaving;

/// With one message, which fills it.
fn unacked() -> (Unacked, MessageId) {
    let settings = Settings {
        limits: Limits {
            items: 1,
            bytes: 100,
        },
        ..Settings::default()
    };
    let unacked = Unacked::new(settings, Discard::new(|_| {}));
    let id = unacked.insert(&mut Outbound::new("message")).unwrap().id;
    (unacked, id)
}

/// Waits until messages are due: how many, or none at the end.
fn due(unacked: &Unacked) -> usize {
    let due = block_on(poll_fn(|cx| match unacked.take_due(cx) {
        None => Poll::Ready(Vec::new()),
        Some(Ok(messages)) => Poll::Ready(messages),
        // A timer would be set for a deadline, which is far away.
        Some(Err(_)) => Poll::Pending,
    }));
    due.len()
}

#[test]
fn an_acknowledgement_makes_room() {
    every_interleaving(|| {
        let (unacked, id) = unacked();
        let producers = [(); 2].map(|()| {
            let unacked = unacked.clone();
            thread::spawn(move || block_on(poll_fn(|cx| unacked.poll_room(cx, None))))
        });
        unacked.exchanged(&[id], &[id], 1);
        for producer in producers {
            producer.join().unwrap();
        }
    });
}

#[test]
fn what_left_by_a_connection_that_ended_is_sent_again() {
    every_interleaving(|| {
        let (unacked, id) = unacked();
        let connection = unacked.clone();
        let connection = thread::spawn(move || {
            connection.exchanged(&[id], &[], 1);
            connection.connection_ended(1);
        });
        assert_eq!(due(&unacked), 1);
        connection.join().unwrap();
    });
}

/// The resender must hear of the first deadline.
#[test]
fn a_resender_that_knows_of_no_deadline_hears_of_one() {
    every_interleaving(|| {
        let (unacked, id) = unacked();
        let connection = unacked.clone();
        let connection = thread::spawn(move || connection.exchanged(&[id], &[], 1));
        block_on(poll_fn(|cx| match unacked.take_due(cx) {
            Some(Err(Some(_))) => Poll::Ready(()),
            _ => Poll::Pending,
        }));
        connection.join().unwrap();
    });
}

#[test]
fn closing_wakes_whoever_waits() {
    every_interleaving(|| {
        let (unacked, _) = unacked();
        let (producer, resender) = (unacked.clone(), unacked.clone());
        let producer = thread::spawn(move || block_on(poll_fn(|cx| producer.poll_room(cx, None))));
        let resender = thread::spawn(move || due(&resender));
        assert_eq!(unacked.close().len(), 1);
        producer.join().unwrap();
        assert_eq!(resender.join().unwrap(), 0);
    });
}
