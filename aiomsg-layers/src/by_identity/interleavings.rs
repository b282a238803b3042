//! Every interleaving of senders that wait for one peer with its queue.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use aiomsg_core::Outbound;
use loom::future::block_on;
use loom::thread;

use crate::distribute::RoundRobin;
use crate::sync::every_interleaving;
use crate::test_stack::{Peer, Sending, Stack};

/// A peer without room, and senders that wait for it.
fn waiting<const N: usize>() -> (Stack<RoundRobin>, Peer, [Sending; N]) {
    let mut it = Stack::new(RoundRobin::new());
    let a = it.join("a", 1);
    it.send_to("a", "0");
    let senders = [(); N].map(|()| it.sending_to("a", "x"));
    (it, a, senders)
}

/// Takes messages until there were this many.
fn takes(queue: &Peer, mut count: usize) {
    block_on(poll_fn(|cx| {
        while count > 0
            && let Poll::Ready(Some(_)) = queue.poll_pop(cx)
        {
            count -= 1;
        }
        match count {
            0 => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }));
}

#[test]
fn those_who_wait_for_a_peer_hear_of_room_one_after_the_other() {
    every_interleaving(|| {
        let (_it, a, senders) = waiting::<2>();
        let senders = senders.map(|sender| thread::spawn(move || block_on(sender).unwrap()));
        takes(&a, 3);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

#[test]
fn one_who_gives_up_takes_nobodys_wake() {
    every_interleaving(|| {
        let (_it, a, [mut gives_up, waits]) = waiting::<2>();
        let gives_up = thread::spawn(move || {
            let mut cx = Context::from_waker(Waker::noop());
            std::pin::Pin::new(&mut gives_up).poll(&mut cx).is_ready()
        });
        let waits = thread::spawn(move || block_on(waits).unwrap());
        let sent = {
            takes(&a, 1);
            gives_up.join().unwrap()
        };
        takes(&a, 1 + usize::from(sent));
        waits.join().unwrap();
    });
}

#[test]
fn one_who_waits_hears_of_the_close() {
    every_interleaving(|| {
        let (mut it, _a, [waits]) = waiting::<1>();
        let waits = thread::spawn(move || {
            let mut error = block_on(waits).unwrap_err();
            assert!(error.is_closed());
            assert_eq!(
                error.take_message().map(Outbound::into_payload).unwrap(),
                "x"
            );
        });
        it.service.close();
        waits.join().unwrap();
    });
}
