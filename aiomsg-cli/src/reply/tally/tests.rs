//! What is reported of requests without a reply, and when.

use aiomsg::{Error, ErrorKind};
use tokio::time::{Duration, Instant};

use super::*;

#[tokio::test(start_paused = true)]
async fn the_same_reason_is_reported_once_a_minute() {
    let tally = Tally::default();
    let began = Instant::now();
    for _ in 0..500 {
        tally.begin();
        let _ = tally.note(Err(Error::new(ErrorKind::Payload).with_reason("no")));
    }
    let due = tally.0.reasons.due().await;
    assert_eq!(began.elapsed(), Duration::from_secs(60));
    let [line] = &due[..] else {
        panic!("{due:?}");
    };
    let text = note(line);
    assert!(text.starts_with("note: no reply to 499 more: "), "{text}");
    assert!(text.ends_with("no"), "{text}");
    assert!(tally.0.reasons.rest().is_empty());
    assert_eq!(tally.counts().failed, 500);
}

#[tokio::test]
async fn a_request_has_no_reply_until_one_is_noted() {
    let tally = Tally::default();
    tally.begin();
    assert_eq!((tally.counts().replies, tally.counts().failed), (0, 1));
    let _ = tally.note(Ok(Bytes::new()));
    assert_eq!((tally.counts().replies, tally.counts().failed), (1, 0));
}
