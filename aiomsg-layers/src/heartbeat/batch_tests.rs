//! Heartbeats in batches do the same as frame by frame.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use aiomsg_core::connection::OneByOne;
use aiomsg_core::{Connection, Frame, Link};
use tokio::time::{Instant, sleep, timeout};
use tower::Layer;

use super::tests::Mock;
use super::{Heartbeat, HeartbeatLayer};
use crate::test_frames::{Frames, Seen};

const SECOND: Duration = Duration::from_secs(1);

fn connection() -> (Mock, Heartbeat<OneByOne<Mock>>) {
    let mock = Mock::default();
    let connection = HeartbeatLayer::new().layer(OneByOne::new(mock.clone()));
    (mock, connection)
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_swallowed_and_count_as_life() {
    let (mock, mut connection) = connection();
    let mut seen = Seen::up_to(2);
    for frame in [
        Frame::Heartbeat,
        Frame::data("1"),
        Frame::Heartbeat,
        Frame::data("2"),
        Frame::data("3"),
    ] {
        mock.receive(frame);
    }
    let read = poll_fn(|cx| connection.poll_recv(cx, &mut seen)).await;
    assert!(matches!(read, Some(Ok(()))), "the visitor wants no more");
    assert_eq!(seen.frames, [Frame::data("1"), Frame::data("2")]);

    seen.most = usize::MAX;
    let rest = poll_fn(|cx| connection.poll_recv(cx, &mut seen));
    assert!(timeout(SECOND * 14, rest).await.is_err());
    assert_eq!(seen.frames.len(), 3);
    mock.receive(Frame::Heartbeat);
    // The silence begins here, not with the message.
    let rest = poll_fn(|cx| connection.poll_recv(cx, &mut seen));
    assert!(timeout(SECOND * 14, rest).await.is_err());
    let start = Instant::now();
    let rest = poll_fn(|cx| connection.poll_recv(cx, &mut seen)).await;
    assert!(rest.unwrap().unwrap_err().is_timeout());
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_puts_the_heartbeat_off() {
    let (mock, mut connection) = connection();
    sleep(SECOND * 3).await;
    let start = Instant::now();
    let mut frames = Frames(["1", "2"].map(Frame::data).into());
    poll_fn(|cx| connection.poll_send(cx, &mut frames))
        .await
        .unwrap();
    poll_fn(|cx| connection.poll_flush(cx)).await.unwrap();
    let mut seen = Seen::up_to(usize::MAX);
    let silence = poll_fn(|cx| connection.poll_recv(cx, &mut seen));
    assert!(timeout(SECOND * 6, silence).await.is_err());
    let sent = mock.sent();
    let kinds: Vec<_> = sent.iter().map(|(_, frame)| frame.clone()).collect();
    assert_eq!(
        kinds,
        [Frame::data("1"), Frame::data("2"), Frame::Heartbeat]
    );
    assert_eq!(sent[2].0 - start, SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_dead_in_the_end() {
    let mock = Mock::default();
    let layer = HeartbeatLayer::new().link(Link::new());
    let mut connection = layer.layer(OneByOne::new(mock.clone()));
    mock.fill();
    let start = Instant::now();
    let mut frames = Frames([Frame::data("1")].into());
    let feed = mock.clone();
    tokio::spawn(async move {
        loop {
            feed.receive(Frame::Heartbeat);
            sleep(SECOND).await;
        }
    });
    let error = poll_fn(|cx| {
        let mut seen = Seen::up_to(usize::MAX);
        let _ = connection.poll_recv(cx, &mut seen);
        match connection.poll_send(cx, &mut frames) {
            Poll::Ready(Ok(())) => panic!("there is no room"),
            sent => sent,
        }
    });
    let error = error.await.unwrap_err();
    assert!(
        error.is_timeout() && error.to_string().contains("took none"),
        "{error}"
    );
    assert_eq!(start.elapsed(), SECOND * 120);
    assert_eq!(frames.0.len(), 1, "none was asked for");
    assert!(mock.sent().is_empty());
}
