//! The bounded queue between two tasks.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use aiomsg::layer::Queue;
use aiomsg::{Limits, Outbound};
use bytes::Bytes;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

/// How many are pushed before they are taken.
const BATCHES: [usize; 3] = [1, 32, 1024];

fn queue() -> Queue<Outbound> {
    Queue::new(Limits {
        items: 8192,
        bytes: 1 << 20,
    })
}

/// As a session does it: all at once.
#[divan::bench(args = BATCHES)]
fn push_and_take_whole(bencher: Bencher<'_, '_>, batch: usize) {
    let queue = queue();
    let payload = Bytes::from_static(&[0; 64]);
    let mut cx = Context::from_waker(Waker::noop());
    let mut taken = VecDeque::new();
    bencher.counter(ItemsCount::new(batch)).bench_local(|| {
        for _ in 0..batch {
            let pushed = queue.try_push(Outbound::new(payload.clone()));
            assert!(pushed.is_ok(), "there is room");
        }
        let _ = black_box(queue.poll_take(&mut cx, &mut taken));
        queue.release(taken.len(), taken.len() * payload.len());
        taken.clear();
    });
}

/// As `recv` does it: one by one.
#[divan::bench(args = BATCHES)]
fn push_and_pop(bencher: Bencher<'_, '_>, batch: usize) {
    let queue = queue();
    let payload = Bytes::from_static(&[0; 64]);
    let mut cx = Context::from_waker(Waker::noop());
    bencher.counter(ItemsCount::new(batch)).bench_local(|| {
        for _ in 0..batch {
            let pushed = queue.try_push(Outbound::new(payload.clone()));
            assert!(pushed.is_ok(), "there is room");
        }
        for _ in 0..batch {
            let _ = black_box(queue.poll_pop(&mut cx));
        }
    });
}
