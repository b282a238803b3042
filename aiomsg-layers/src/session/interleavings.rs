//! Every interleaving of a session with tasks that ask something of it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use aiomsg_core::MessageId;
use loom::future::block_on;
use loom::thread;

use super::SessionHandle;
use crate::sync::every_interleaving;

const ID: MessageId = MessageId::from_bytes([1; 16]);

/// Looks, registers and sleeps as a session does, until as much was asked.
fn session(handle: &SessionHandle, acks: usize, probe: bool) -> VecDeque<MessageId> {
    let (mut asked, mut probed) = (VecDeque::new(), false);
    block_on(poll_fn(|cx| {
        loop {
            probed |= handle.take(&mut asked).probe;
            if asked.len() == acks && probed == probe {
                return Poll::Ready(());
            }
            if handle.register(cx) {
                return Poll::Pending;
            }
        }
    }));
    asked
}

#[test]
fn what_is_asked_is_heard() {
    every_interleaving(|| {
        let handle = SessionHandle::new();
        let asks = [false, true].map(|probe| {
            let handle = handle.clone();
            thread::spawn(move || match probe {
                true => assert!(handle.probe()),
                false => assert!(handle.acknowledge(ID)),
            })
        });
        assert_eq!(session(&handle, 1, true), [ID]);
        for asks in asks {
            asks.join().unwrap();
        }
    });
}

#[test]
fn one_after_the_other_is_heard() {
    every_interleaving(|| {
        let handle = SessionHandle::new();
        let asks = handle.clone();
        let asks = thread::spawn(move || (0..3).for_each(|_| assert!(asks.acknowledge(ID))));
        assert_eq!(session(&handle, 3, false).len(), 3);
        asks.join().unwrap();
    });
}

/// A task that asks an ended session hears so: no accepted request is left behind, except
/// those that the end itself drops.
#[test]
fn who_asks_after_the_end_is_told() {
    every_interleaving(|| {
        let handle = SessionHandle::new();
        let asks = handle.clone();
        let asks = thread::spawn(move || asks.acknowledge(ID));
        handle.end(0);
        let after = handle.acknowledge(ID);
        assert!(!after);
        asks.join().unwrap();
        assert!(session(&handle, 0, false).is_empty());
    });
}

/// Sleeps as a running session does, until it should end. Returns whether it was evicted, and what
/// was asked before.
fn until_the_end(handle: &SessionHandle) -> (bool, VecDeque<MessageId>) {
    let mut asked = VecDeque::new();
    let evicted = block_on(poll_fn(|cx| {
        if handle.poll_evicted(cx).is_ready() {
            return Poll::Ready(true);
        }
        loop {
            handle.take(&mut asked);
            if handle.register(cx) {
                break;
            }
        }
        match handle.is_finishing() {
            true => Poll::Ready(false),
            false => Poll::Pending,
        }
    }));
    (evicted, asked)
}

/// Also if something else is asked at the same time.
#[test]
fn a_session_hears_that_it_should_end() {
    for evict in [false, true] {
        every_interleaving(move || {
            let handle = SessionHandle::new();
            let (asks, ends) = (handle.clone(), handle.clone());
            let asks = thread::spawn(move || assert!(asks.acknowledge(ID)));
            let ends = thread::spawn(move || match evict {
                true => ends.evict(),
                false => ends.finish(),
            });
            assert_eq!(until_the_end(&handle).0, evict);
            for task in [asks, ends] {
                task.join().unwrap();
            }
        });
    }
}

/// The task of a session registers to be woken, and so does another one.
#[test]
fn all_that_wait_for_an_eviction_hear_of_it() {
    every_interleaving(|| {
        let handle = SessionHandle::new();
        let waits = handle.clone();
        let waits = thread::spawn(move || block_on(poll_fn(|cx| waits.poll_evicted(cx))));
        let session = handle.clone();
        let session = thread::spawn(move || until_the_end(&session).0);
        handle.evict();
        waits.join().unwrap();
        assert!(session.join().unwrap());
    });
}
