use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use tokio::time::advance;

const LIMIT: usize = 10 << 20;

fn begin(frames: &IncompleteFrames) -> Ticket {
    frames.begin(&Link::new())
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn the_slowest_frame_is_given_up_and_told_of_it() {
    let frames = IncompleteFrames::new(LIMIT);
    let [stopped, dripping, fast] = [(); 3].map(|()| begin(&frames));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let cx = Context::from_waker(&waker);
    // Most of one comes at once, and no more.
    stopped.hold(6 << 20).unwrap();
    stopped.add(6 << 20);
    stopped.wait(&cx).unwrap();
    dripping.hold(2 << 20).unwrap();
    fast.hold(1 << 20).unwrap();
    for _ in 0..60 {
        advance(Duration::from_secs(1)).await;
        dripping.add(10);
        fast.add(100 << 10);
    }
    fast.hold(3 << 20).unwrap();
    assert_eq!(
        (frames.bytes(), woken.0.load(Ordering::Relaxed)),
        (5 << 20, 1)
    );
    assert!(stopped.wait(&cx).unwrap_err().is_limit());
    fast.hold(9 << 20).unwrap();
    assert!(dripping.hold(2 << 20).unwrap_err().is_limit());
    assert_eq!(frames.bytes(), 9 << 20);
    drop(stopped);
    assert_eq!(frames.bytes(), 9 << 20);
    drop((fast, dripping));
    assert_eq!(frames.bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_begins_is_not_the_slowest_yet() {
    let frames = IncompleteFrames::new(LIMIT);
    let dripping: Vec<_> = (0..10).map(|_| begin(&frames)).collect();
    for ticket in &dripping {
        ticket.hold(1 << 20).unwrap();
    }
    advance(Duration::from_secs(2)).await;
    begin(&frames).hold(1 << 20).unwrap();
}

/// Less of it has come than of one that has stopped a moment ago.
#[tokio::test(start_paused = true)]
async fn a_fast_frame_is_not_the_slowest_while_little_has_come() {
    let frames = IncompleteFrames::new(LIMIT);
    let stopped = begin(&frames);
    stopped.hold(8 << 20).unwrap();
    advance(Duration::from_millis(300)).await;
    stopped.add(8 << 20);
    advance(Duration::from_millis(300)).await;
    let fast = begin(&frames);
    fast.hold(1 << 20).unwrap();
    advance(Duration::from_millis(10)).await;
    fast.add(1 << 20);
    fast.hold(3 << 20).unwrap();
    assert!(stopped.hold(8 << 20).unwrap_err().is_limit());
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_is_alone_is_not_too_much() {
    let frames = IncompleteFrames::new(LIMIT);
    let ticket = begin(&frames);
    ticket.hold(20 << 20).unwrap();
    assert_eq!(frames.bytes(), 20 << 20);
}

/// That the receiver took nothing for a minute was held against its peers.
#[tokio::test(start_paused = true)]
async fn a_frame_is_not_slow_while_its_reading_is_held_back() {
    let frames = IncompleteFrames::new(LIMIT);
    let (link, behind) = (Link::new(), Link::new());
    let held = frames.begin(&link);
    let resumed = frames.begin(&behind);
    let slow = begin(&frames);
    for ticket in [&held, &resumed, &slow] {
        ticket.hold(3 << 20).unwrap();
        ticket.add(3 << 20);
    }
    link.set_held_back(true);
    behind.set_held_back(true);
    for _ in 0..60 {
        advance(Duration::from_secs(1)).await;
        slow.add(10_000);
    }
    behind.set_held_back(false);
    let fast = begin(&frames);
    fast.hold(3 << 20).unwrap();
    assert!(slow.hold(3 << 20).unwrap_err().is_limit());
    held.hold(3 << 20).unwrap();
    resumed.hold(3 << 20).unwrap();
}
