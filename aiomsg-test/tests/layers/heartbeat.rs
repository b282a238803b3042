use std::time::Duration;

use aiomsg_core::connection::FrameStream;
use aiomsg_core::{ErrorKind, Frame};
use aiomsg_layers::HeartbeatLayer;
use aiomsg_layers::heartbeat::Heartbeat;
use aiomsg_test::connection::{self, ConnectionHandle, MockConnection};
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::time::{Instant, sleep};
use tower::Layer;

const SECOND: Duration = Duration::from_secs(1);

fn heartbeat() -> (FrameStream<Heartbeat<MockConnection>>, ConnectionHandle) {
    let (connection, peer) = connection::pair();
    let layer = HeartbeatLayer::new().link(peer.link());
    (FrameStream::new(layer.layer(connection)), peer)
}

#[tokio::test(start_paused = true)]
async fn heartbeats_are_sent_every_five_seconds() {
    let (mut connection, peer) = heartbeat();
    let start = Instant::now();
    let reading = tokio::spawn(async move { connection.next().await });
    for n in 1..=5 {
        assert_eq!(peer.next_sent().await, Some(Frame::Heartbeat));
        assert_eq!(start.elapsed(), SECOND * 5 * n);
        // Those of the peer are swallowed.
        peer.receive(Frame::Heartbeat);
    }
    peer.receive(Frame::data("x"));
    assert_eq!(reading.await.unwrap().unwrap().unwrap(), Frame::data("x"));
}

#[tokio::test(start_paused = true)]
async fn any_byte_is_life_and_silence_is_not() {
    let (mut connection, peer) = heartbeat();
    let start = Instant::now();
    tokio::spawn(async move {
        // A large message on a very slow link.
        for _ in 0..10 {
            sleep(SECOND * 10).await;
            peer.receive_bytes(1024);
        }
    });
    let error = connection.next().await.unwrap().unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(start.elapsed(), SECOND * 115);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_talks_and_takes_nothing_is_dead_in_the_end() {
    let (mut connection, peer) = heartbeat();
    peer.block_flush();
    let talking = peer.clone();
    tokio::spawn(async move {
        loop {
            sleep(SECOND).await;
            talking.receive(Frame::Heartbeat);
        }
    });
    connection.feed(Frame::data("x")).await.unwrap();
    assert!(connection.flush().now_or_never().is_none());
    let start = Instant::now();
    let error = connection.next().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("took none"), "{error}");
    assert_eq!(start.elapsed(), SECOND * 120);
    drop(connection);
    assert_eq!(peer.link().take_unsent(), [Frame::data("x")]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_little_lives() {
    let (mut connection, peer) = heartbeat();
    peer.block_flush();
    let taking = peer.clone();
    tokio::spawn(async move {
        for _ in 0..20 {
            sleep(SECOND * 10).await;
            taking.allow_bytes(1);
        }
        taking.unblock_flush();
    });
    let start = Instant::now();
    connection.send(Frame::data(vec![0; 100])).await.unwrap();
    assert_eq!(start.elapsed(), SECOND * 200);
    assert_eq!(peer.take_sent(), [Frame::data(vec![0; 100])]);
}

#[tokio::test(start_paused = true)]
async fn no_heartbeat_goes_where_there_is_no_room() {
    let (mut connection, peer) = heartbeat();
    peer.block_ready();
    assert!(connection.next().now_or_never().is_none());
    sleep(SECOND * 6).await;
    assert!(connection.next().now_or_never().is_none());
    assert_eq!(peer.unflushed(), []);
    peer.unblock_ready();
    assert!(connection.next().now_or_never().is_none());
    assert_eq!(peer.take_sent(), [Frame::Heartbeat]);
}

#[tokio::test(start_paused = true)]
async fn errors_and_the_end_go_through() {
    let (mut connection, peer) = heartbeat();
    peer.receive_error(ErrorKind::Protocol);
    let error = connection.next().await.unwrap().unwrap_err();
    assert!(error.is_protocol());
    assert!(connection.next().await.is_none());

    let (mut connection, peer) = heartbeat();
    peer.fail_sends(ErrorKind::Io);
    let error = connection.send(Frame::data("x")).await.unwrap_err();
    assert!(error.is_io());
}

/// A heartbeat took the place that the caller had been given, and the caller's
/// own frame came without one. A source is asked when there is a place for it.
#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_takes_the_last_place_costs_no_frame() {
    let (mut connection, peer) = heartbeat();
    peer.set_room(1);
    peer.block_flush();
    futures::future::poll_fn(|cx| connection.poll_ready_unpin(cx))
        .await
        .unwrap();
    sleep(SECOND * 6).await;
    assert!(connection.next().now_or_never().is_none());
    assert_eq!(peer.unflushed(), [Frame::Heartbeat]);
    connection.start_send_unpin(Frame::data("x")).unwrap();
    assert!(connection.flush().now_or_never().is_none());
    peer.unblock_flush();
    connection.flush().await.unwrap();
    assert_eq!(peer.take_sent(), [Frame::Heartbeat, Frame::data("x")]);
    // Then heartbeats go on.
    let reading = tokio::spawn(async move { connection.next().await });
    assert_eq!(peer.next_sent().await, Some(Frame::Heartbeat));
    reading.abort();
}

/// Late messages were lost: a heartbeat was tried on a connection that was
/// closed for sending, and the error ended the reading.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_the_close_and_reading_goes_on() {
    let (mut connection, peer) = heartbeat();
    connection.close().await.unwrap();
    sleep(SECOND * 6).await;
    assert!(connection.next().now_or_never().is_none());
    peer.receive(Frame::data("late"));
    assert_eq!(
        connection.next().await.unwrap().unwrap(),
        Frame::data("late")
    );
    assert_eq!(peer.take_sent(), []);
}

/// A byte now and then kept a connection for ever, and what it held with it.
#[tokio::test(start_paused = true)]
async fn a_drip_is_not_life() {
    let (mut connection, peer) = heartbeat();
    let start = Instant::now();
    tokio::spawn(async move {
        loop {
            sleep(SECOND).await;
            peer.receive_bytes(1);
        }
    });
    let error = connection.next().await.unwrap().unwrap_err();
    assert!(error.is_timeout());
    assert!(error.to_string().contains("no whole frame"), "{error}");
    assert!(start.elapsed() <= SECOND * 17, "{:?}", start.elapsed());
}
