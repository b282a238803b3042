use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, advance};

use super::*;

type Log = Reasons<&'static str, u32>;

/// Notes a failure, and returns the number in the line that is logged for it.
fn note(log: &Log, kind: &'static str, failure: u32) -> Option<u64> {
    let line = log.note(kind, failure, true)?;
    assert_eq!((line.kind, line.last), (kind, failure));
    Some(line.more)
}

#[tokio::test(start_paused = true)]
async fn the_first_is_logged_and_the_others_are_one_line_after_a_minute() {
    let (log, start) = (Log::new(10), Instant::now());
    assert_eq!(note(&log, "a", 0), Some(0));
    for n in 1..=100 {
        assert_eq!(note(&log, "a", n), None);
        advance(Duration::from_millis(100)).await;
    }
    let lines = log.due().await;
    assert_eq!(start.elapsed().as_secs(), 60);
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].last, lines[0].more), (100, 100));
    assert!(log.due().now_or_never().is_none());

    // The line was one, and the next minute begins with it.
    advance(Duration::from_secs(59)).await;
    assert_eq!(note(&log, "a", 101), None);
    assert_eq!(log.due().await[0].more, 1);
    advance(Duration::from_secs(60)).await;
    assert_eq!(note(&log, "a", 102), Some(0), "all before it was logged");
    assert_eq!(log.recent()[0].count, 103);
}

/// A task that waits for lines may be late, and what is logged then is complete.
#[tokio::test(start_paused = true)]
async fn a_failure_after_the_minute_is_logged_with_those_before_it() {
    let log = Log::new(10);
    assert_eq!(note(&log, "a", 1), Some(0));
    assert_eq!(note(&log, "a", 2), None);
    advance(Duration::from_secs(60)).await;
    assert_eq!(note(&log, "a", 3), Some(2));
    assert!(log.rest().is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_who_waits_hears_of_a_failure_that_is_counted_meanwhile() {
    let log = Log::new(10);
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { log.due().await }
    });
    tokio::task::yield_now().await;
    for n in 0..3 {
        note(&log, "a", n);
    }
    let lines = waiting.await.unwrap();
    assert_eq!((lines.len(), lines[0].more), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn kinds_are_counted_apart_and_the_rest_can_be_taken() {
    let log = Log::new(10);
    for kind in ["a", "b"] {
        assert_eq!(note(&log, kind, 0), Some(0));
        assert_eq!(note(&log, kind, 1), None);
    }
    let mut kinds: Vec<_> = log.rest().into_iter().map(|it| it.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["a", "b"]);
    assert!(log.rest().is_empty());
}

/// A first line that says "not yet" must not hide, for a minute, that it is serious by now.
#[tokio::test(start_paused = true)]
async fn a_pressing_failure_does_not_wait_behind_one_that_was_not() {
    let log = Log::new(10);
    assert!(!log.note("a", 0, false).unwrap().pressing);
    assert!(log.note("a", 1, false).is_none());
    let line = log.note("a", 2, true).unwrap();
    assert_eq!((line.more, line.pressing), (2, true));
    assert!(log.note("a", 3, true).is_none());
}

#[tokio::test(start_paused = true)]
async fn kinds_without_room_share_one_line_a_minute() {
    const KINDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    let log = Log::new(2);
    let lines = |n| {
        let noted = KINDS.iter().map(|kind| note(&log, kind, n));
        noted.flatten().collect::<Vec<_>>()
    };
    assert_eq!(lines(0), [0, 0, 0], "two kinds, and one for all others");
    assert_eq!(lines(1), []);
    assert_eq!(log.recent().len(), 3);
    let due = log.due().await;
    let mut more: Vec<_> = due.iter().map(|line| line.more).collect();
    more.sort_unstable();
    assert_eq!(more, [1, 1, 7]);

    // A kind that has been quiet for long makes room.
    advance(Duration::from_secs(60)).await;
    assert_eq!(note(&log, "f", 9), Some(0));
    assert!(
        log.recent()
            .iter()
            .any(|it| it.kind == "f" && it.count == 1)
    );
}
