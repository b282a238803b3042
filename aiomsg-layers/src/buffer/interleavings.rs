//! Every interleaving of the callers and the driver of a buffer with peers that
//! come and have room.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aiomsg_core::Outbound;
use loom::future::block_on;
use loom::thread::{self, JoinHandle};
use tokio::time::Instant;
use tower::Service;

use super::{Buffer, Driver};
use crate::route::{Route, Unrouted};
use crate::sync::{Mutex, every_interleaving};

/// One peer, which comes and has room for some messages.
#[derive(Clone, Default)]
struct Peer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    here: bool,
    room: usize,
    got: usize,
    /// Who polled last.
    waker: Option<Waker>,
    watcher: Option<Waker>,
    /// Who waits for it to get something.
    reader: Option<Waker>,
}

impl Peer {
    /// It has come, and has no room.
    fn here() -> Self {
        let peer = Self::default();
        peer.0.lock().unwrap().here = true;
        peer
    }

    fn comes(&self) {
        let mut state = self.0.lock().unwrap();
        (state.here, state.room) = (true, 10);
        let waker = state.watcher.take().or_else(|| state.waker.take());
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn has_room(&self, room: usize) {
        let mut state = self.0.lock().unwrap();
        state.room += room;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until it has got as many messages.
    fn gets(&self, messages: usize) {
        block_on(poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if state.got == messages {
                return Poll::Ready(());
            }
            state.reader = Some(cx.waker().clone());
            Poll::Pending
        }));
    }
}

impl Route for Peer {
    fn poll_route(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap();
        if state.here && state.room > 0 {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn route(&mut self, _: &mut Context<'_>, message: Outbound) -> Result<(), Unrouted> {
        let mut state = self.0.lock().unwrap();
        if state.room == 0 {
            return Err(Unrouted::Full(message));
        }
        state.room -= 1;
        state.got += 1;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.0.lock().unwrap().room == 0
    }

    fn has_peers(&self) -> bool {
        self.0.lock().unwrap().here
    }

    fn has_backlog(&self) -> bool {
        false
    }

    fn has_mail(&self) -> bool {
        false
    }

    fn watch(&mut self, watcher: &Waker) {
        self.0.lock().unwrap().watcher = Some(watcher.clone());
    }

    fn next_expiry(&self) -> Option<Instant> {
        None
    }

    fn expire(&mut self, _: Instant) {}

    fn drain(&mut self) -> Vec<Outbound> {
        Vec::new()
    }
}

fn buffer(peer: &Peer) -> (Buffer<Peer>, Driver<Peer>) {
    Buffer::new(peer.clone(), Buffer::<Peer>::LIMITS)
}

fn send(mut buffer: Buffer<Peer>) {
    block_on(poll_fn(|cx| buffer.poll_ready(cx))).unwrap();
    block_on(buffer.call(Outbound::new("message"))).unwrap();
}

/// Runs the driver until the buffer is closed.
fn run(driver: Driver<Peer>) -> JoinHandle<()> {
    thread::spawn(move || {
        block_on(poll_fn(|cx| match driver.poll_once(cx) {
            None => Poll::Ready(()),
            Some(_) => Poll::Pending,
        }));
    })
}

#[test]
fn callers_that_wait_hear_of_room() {
    every_interleaving(|| {
        let peer = Peer::here();
        let (buffer, _driver) = buffer(&peer);
        let callers =
            [buffer.clone(), buffer.clone()].map(|buffer| thread::spawn(move || send(buffer)));
        peer.has_room(2);
        for caller in callers {
            caller.join().unwrap();
        }
        drop(buffer);
    });
}

#[test]
fn a_caller_that_gave_up_takes_nobodys_wake() {
    every_interleaving(|| {
        let peer = Peer::here();
        let (buffer, _driver) = buffer(&peer);
        let (waits, mut gives_up) = (buffer.clone(), buffer);
        let waits = thread::spawn(move || send(waits));
        let gives_up = thread::spawn(move || {
            block_on(poll_fn(|cx| {
                let _ = gives_up.poll_ready(cx);
                Poll::Ready(())
            }));
        });
        peer.has_room(1);
        waits.join().unwrap();
        gives_up.join().unwrap();
    });
}

/// A message that was kept as nobody was there goes to whoever comes, also if
/// that is just now.
#[test]
fn what_waits_goes_to_the_peer_that_comes() {
    every_interleaving(|| {
        let peer = Peer::default();
        let (buffer, driver) = buffer(&peer);
        let driver = run(driver);
        let comes = peer.clone();
        let comes = thread::spawn(move || comes.comes());
        send(buffer.clone());
        peer.gets(1);
        buffer.close();
        driver.join().unwrap();
        comes.join().unwrap();
    });
}

/// The same, while a caller that gave up has left its waker.
#[test]
fn what_waits_is_not_left_to_a_caller_that_gave_up() {
    every_interleaving(|| {
        let peer = Peer::default();
        let (buffer, driver) = buffer(&peer);
        let driver = run(driver);
        let comes = peer.clone();
        let comes = thread::spawn(move || comes.comes());
        send(buffer.clone());
        buffer.0.wakers.add_caller(Waker::noop());
        peer.gets(1);
        buffer.close();
        driver.join().unwrap();
        comes.join().unwrap();
    });
}

#[test]
fn closing_wakes_callers_and_the_driver() {
    every_interleaving(|| {
        let peer = Peer::here();
        let (buffer, driver) = buffer(&peer);
        let mut waits = buffer.clone();
        let waits = thread::spawn(move || block_on(poll_fn(|cx| waits.poll_ready(cx))).is_err());
        let driver = run(driver);
        assert!(buffer.close().is_empty());
        assert!(waits.join().unwrap());
        driver.join().unwrap();
    });
}
