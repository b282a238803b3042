//! Every interleaving of those who tell of peers with the one who hears.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use aiomsg_core::Identity;
use futures_core::Stream;
use loom::future::block_on;
use loom::thread;

use super::changes;
use crate::sync::every_interleaving;

#[test]
fn every_change_is_heard() {
    every_interleaving(|| {
        let (registrar, mut changes) = changes::<()>();
        let tell = [1, 2].map(|name| {
            let registrar = registrar.clone();
            thread::spawn(move || registrar.insert(Identity::from([name; 16]), ()))
        });
        for _ in 0..2 {
            block_on(poll_fn(|cx| {
                Pin::new(&mut changes)
                    .poll_next(cx)
                    .map(|change| change.is_some())
            }));
        }
        for tell in tell {
            tell.join().unwrap();
        }
        block_on(poll_fn(|cx| {
            assert!(Pin::new(&mut changes).poll_next(cx).is_pending());
            Poll::Ready(())
        }));
    });
}
