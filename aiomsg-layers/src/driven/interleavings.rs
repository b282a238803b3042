//! Every interleaving of the senders and the driver of a stack with peers that
//! come and have room.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aiomsg_core::{Error, Outbound};
use loom::future::block_on;
use loom::thread::{self, JoinHandle};
use tower::{Layer, Service};

use super::{Driven, Driver};
use crate::buffer::{Buffer, BufferLayer};
use crate::sync::{Mutex, every_interleaving};

/// One peer, which comes and has room for some messages.
#[derive(Clone, Default)]
struct Peer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    room: usize,
    got: usize,
    /// The messages that came when there was no room.
    beyond: usize,
    /// The task that polled last.
    waker: Option<Waker>,
    /// The task that waits for a message.
    reader: Option<Waker>,
}

impl Peer {
    fn has_room(&self, room: usize) {
        let mut state = self.0.lock();
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
            let mut state = self.0.lock();
            if state.got == messages {
                return Poll::Ready(());
            }
            state.reader = Some(cx.waker().clone());
            Poll::Pending
        }));
    }
}

impl Service<Outbound> for Peer {
    type Response = ();
    type Error = Error;
    type Future = std::future::Ready<Result<(), Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut state = self.0.lock();
        if state.room > 0 {
            return Poll::Ready(Ok(()));
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn call(&mut self, _: Outbound) -> Self::Future {
        let mut state = self.0.lock();
        match state.room.checked_sub(1) {
            Some(room) => state.room = room,
            None => state.beyond += 1,
        }
        state.got += 1;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        std::future::ready(Ok(()))
    }
}

type Stack = Driven<Peer>;
type Buffered = Driven<Buffer<Peer>>;

/// Without a buffer: senders wait for the peer.
fn stack(peer: &Peer) -> (Stack, Driver<Peer>) {
    Driven::new(peer.clone())
}

fn buffered(peer: &Peer) -> (Buffered, Driver<Buffer<Peer>>) {
    Driven::new(BufferLayer::new(BufferLayer::LIMITS).layer(peer.clone()))
}

fn send<S>(mut stack: Driven<S>)
where
    S: Service<Outbound, Response = (), Error = Error>,
{
    block_on(poll_fn(|cx| stack.poll_ready(cx))).unwrap();
    block_on(stack.call(Outbound::new("message"))).unwrap();
}

/// As layers around the stack do: each call finds out whether there is room for the next.
fn send_in_a_row(mut stack: Stack, messages: usize) {
    for _ in 0..messages {
        block_on(poll_fn(|cx| stack.poll_ready(cx))).unwrap();
        let sent = stack.with_next(|peer, _| peer.call(Outbound::new("message")));
        block_on(sent.unwrap()).unwrap();
    }
}

/// Runs the driver until the stack is closed.
fn run<S>(driver: Driver<S>) -> JoinHandle<()>
where
    S: Service<Outbound> + Send + 'static,
{
    thread::spawn(move || block_on(poll_fn(|cx| driver.poll_once(cx))))
}

#[test]
fn callers_that_wait_hear_of_room() {
    every_interleaving(|| {
        let peer = Peer::default();
        let (stack, _driver) = stack(&peer);
        let callers =
            [stack.clone(), stack.clone()].map(|stack| thread::spawn(move || send(stack)));
        peer.has_room(2);
        for caller in callers {
            caller.join().unwrap();
        }
        drop(stack);
    });
}

/// Readiness that one call has found is used by the next without a look at the stack.
#[test]
fn one_caller_sends_no_more_than_there_is_room_for() {
    every_interleaving(|| {
        let peer = Peer::default();
        let (stack, _driver) = stack(&peer);
        let caller = thread::spawn(move || send_in_a_row(stack, 3));
        peer.has_room(1);
        peer.has_room(2);
        caller.join().unwrap();
        let state = peer.0.lock();
        assert_eq!((state.got, state.beyond), (3, 0));
    });
}

#[test]
fn callers_in_a_row_hear_of_room() {
    every_interleaving(|| {
        let peer = Peer::default();
        let (stack, _driver) = stack(&peer);
        let callers =
            [stack.clone(), stack].map(|stack| thread::spawn(move || send_in_a_row(stack, 2)));
        peer.has_room(2);
        peer.has_room(2);
        for caller in callers {
            caller.join().unwrap();
        }
        assert_eq!(peer.0.lock().got, 4);
    });
}

#[test]
fn a_caller_that_gave_up_takes_nobodys_wake() {
    every_interleaving(|| {
        let peer = Peer::default();
        let (stack, _driver) = stack(&peer);
        let (waits, mut gives_up) = (stack.clone(), stack);
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

/// A message that was held while nobody was connected goes to the peer that comes, also
/// if it comes just now.
#[test]
fn what_waits_goes_to_the_peer_that_comes() {
    every_interleaving(|| {
        let peer = Peer::default();
        let (stack, driver) = buffered(&peer);
        let driver = run(driver);
        let comes = peer.clone();
        let comes = thread::spawn(move || comes.has_room(10));
        send(stack.clone());
        peer.gets(1);
        stack.close(|_| {});
        driver.join().unwrap();
        comes.join().unwrap();
    });
}

/// The same, while a caller that no longer waits has left its waker.
#[test]
fn what_waits_is_not_left_to_a_caller_that_gave_up() {
    every_interleaving(|| {
        let peer = Peer::default();
        let (stack, driver) = buffered(&peer);
        let driver = run(driver);
        let comes = peer.clone();
        let comes = thread::spawn(move || comes.has_room(10));
        send(stack.clone());
        stack
            .line()
            .look_in(&mut Context::from_waker(Waker::noop()));
        peer.gets(1);
        stack.close(|_| {});
        driver.join().unwrap();
        comes.join().unwrap();
    });
}

#[test]
fn closing_wakes_callers_and_the_driver() {
    every_interleaving(|| {
        let peer = Peer::default();
        let (stack, driver) = stack(&peer);
        let mut waits = stack.clone();
        let waits = thread::spawn(move || block_on(poll_fn(|cx| waits.poll_ready(cx))).is_err());
        let driver = run(driver);
        stack.close(|_| {});
        assert!(waits.join().unwrap());
        driver.join().unwrap();
    });
}
