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
