//! Every interleaving of tasks that wait for one service, which remembers the
//! last of them only.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;

use super::Line;
use crate::sync::{Mutex, every_interleaving};

/// Is ready once it is opened, and wakes the task that polled it last.
#[derive(Default)]
struct Gate(Mutex<(bool, Option<Waker>)>);

impl Gate {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if state.0 {
            return Poll::Ready(());
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    }

    fn open(&self) {
        let mut state = self.0.lock();
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[test]
fn all_that_wait_are_woken() {
    every_interleaving(|| {
        let shared = Arc::new((Gate::default(), Line::new()));
        let tasks = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (gate, line) = &*shared;
                block_on(poll_fn(|cx| line.poll(cx, |cx| gate.poll(cx))));
            })
        });
        shared.0.open();
        for task in tasks {
            task.join().unwrap();
        }
    });
}

#[test]
fn who_gives_up_takes_nobodys_wake() {
    every_interleaving(|| {
        let shared = Arc::new((Gate::default(), Line::new()));
        let (waits, gives_up) = (Arc::clone(&shared), Arc::clone(&shared));
        let waits = thread::spawn(move || {
            let (gate, line) = &*waits;
            block_on(poll_fn(|cx| line.poll(cx, |cx| gate.poll(cx))));
        });
        let gives_up = thread::spawn(move || {
            let (gate, line) = &*gives_up;
            block_on(poll_fn(|cx| {
                let _ = line.poll(cx, |cx| gate.poll(cx));
                Poll::Ready(())
            }));
        });
        shared.0.open();
        waits.join().unwrap();
        gives_up.join().unwrap();
    });
}

/// Those in line are woken one after the other, as each is done.
#[test]
fn all_in_line_have_their_turn() {
    every_interleaving(|| {
        let shared = Arc::new((Gate::default(), Line::new()));
        let tasks = [(); 2].map(|()| {
            let shared = Arc::clone(&shared);
            let mut place = shared.1.join();
            thread::spawn(move || {
                let (gate, line) = &*shared;
                let mut service = Context::from_waker(line.waker());
                block_on(poll_fn(|cx| match place.poll_first(cx) {
                    Poll::Ready(()) => gate.poll(&mut service),
                    Poll::Pending => Poll::Pending,
                }));
                drop(place);
            })
        });
        shared.0.open();
        for task in tasks {
            task.join().unwrap();
        }
    });
}

#[test]
fn one_in_line_that_gives_up_is_passed_over() {
    every_interleaving(|| {
        let line = Line::new();
        let (gives_up, mut waits) = (line.join(), line.join());
        let gives_up = thread::spawn(move || drop(gives_up));
        let waits = thread::spawn(move || block_on(poll_fn(|cx| waits.poll_first(cx))));
        gives_up.join().unwrap();
        waits.join().unwrap();
    });
}
