//! Every interleaving of changes to the table with the service that follows them.

use std::future::poll_fn;
use std::task::Poll;

use aiomsg_core::{Discard, Identity};
use loom::future::block_on;
use loom::thread;

use super::{News, Peers};
use crate::shared::bell::Bell;
use crate::sync::every_interleaving;
use crate::test_stack::{Peer, queue};

#[test]
fn every_change_is_heard() {
    every_interleaving(|| {
        let peers: Peers<Peer> = Peers::new(Discard::new(|_| {}));
        let mut view = peers.distribute();
        let tell = [1, 2].map(|name| {
            let peers = peers.clone();
            thread::spawn(move || peers.insert(Identity::from([name; 16]), queue(1)))
        });
        let (mut bell, mut heard) = (Bell::new(), 0);
        block_on(poll_fn(|cx| {
            if bell.has_rung(cx) {
                while let Poll::Ready(News::Came(..)) = view.poll_news(&mut bell.context()) {
                    heard += 1;
                }
            }
            match heard {
                2 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }));
        for tell in tell {
            tell.join().unwrap();
        }
    });
}
