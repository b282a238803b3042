//! Bytes wait for the peer all the time, and the system takes no more of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use aiomsg_core::link::SendQueue;
use aiomsg_core::{Error, Frame, Link};
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::time::{Instant, sleep, timeout};

use super::HeartbeatLayer;
use super::tests::{Connection, Mock, layered};

const SECOND: Duration = Duration::from_secs(1);

/// More than once within an eighth of the timeout.
const EIGHTH: Duration = Duration::from_millis(1_875);

/// A peer that takes bytes that its system has acknowledged, while ours has no room.
struct Peer {
    mock: Mock,
    /// The bytes that the system holds.
    queue: Arc<AtomicU64>,
    /// How often it was asked.
    asked: Arc<AtomicU64>,
}

async fn stuck() -> (Peer, Connection) {
    let peer = Peer {
        mock: Mock::default(),
        queue: Arc::new(AtomicU64::new(4 << 20)),
        asked: Arc::default(),
    };
    let (queue, asked) = (Arc::clone(&peer.queue), Arc::clone(&peer.asked));
    let link = Link::new().with_send_queue(SendQueue::new(move || {
        asked.fetch_add(1, Relaxed);
        Some(queue.load(Relaxed))
    }));
    let layer = HeartbeatLayer::new().link(link);
    let mut connection = layered(&layer, &peer.mock);
    peer.mock.fill();
    assert!(connection.flush().now_or_never().is_none());
    (peer, connection)
}

impl Peer {
    /// The peer sends heartbeats.
    fn talk(&self) {
        let mock = self.mock.clone();
        tokio::spawn(async move {
            loop {
                mock.receive(Frame::Heartbeat);
                sleep(SECOND * 5).await;
            }
        });
    }

    /// The peer takes some, at this interval.
    fn take_every(&self, period: Duration) {
        let queue = Arc::clone(&self.queue);
        tokio::spawn(async move {
            loop {
                sleep(period).await;
                queue.fetch_sub(1_000, Relaxed);
            }
        });
    }
}

/// When the connection fails, and how.
async fn death(connection: &mut Connection) -> (Duration, Error) {
    let start = Instant::now();
    let error = connection.next().await.unwrap().unwrap_err();
    (start.elapsed(), error)
}

/// The system had no room for longer than the timeout. So the peer counted as dead, though
/// it took bytes from the system.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_what_the_system_holds_is_not_dead() {
    let (peer, mut connection) = stuck().await;
    peer.talk();
    peer.take_every(SECOND * 50);
    assert!(timeout(SECOND * 1_000, connection.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_heard_and_takes_nothing_of_it_is_dead_after_two_minutes() {
    let (peer, mut connection) = stuck().await;
    peer.talk();
    let (after, error) = death(&mut connection).await;
    assert_eq!(after, SECOND * 120 + EIGHTH);
    let error = error.to_string();
    assert!(
        error.contains("took none") && error.contains("120s"),
        "{error}"
    );
}

/// From the last that it took on.
#[tokio::test(start_paused = true)]
async fn a_peer_that_stops_taking_is_dead_two_minutes_later() {
    let (peer, mut connection) = stuck().await;
    peer.talk();
    sleep(SECOND * 30).await;
    assert!(timeout(EIGHTH, connection.next()).await.is_err());
    peer.queue.fetch_sub(1, Relaxed);
    let (after, _) = death(&mut connection).await;
    assert_eq!(after, SECOND * 120 + EIGHTH);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_and_takes_nothing_is_dead_in_time() {
    let (_peer, mut connection) = stuck().await;
    let (after, error) = death(&mut connection).await;
    assert_eq!(after, SECOND * 15);
    assert!(
        error.to_string().contains("nothing was received"),
        "{error}"
    );
}

/// A peer is not heard while the connection is not read.
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_while_nobody_reads_is_dead_in_time() {
    let (_peer, mut connection) = stuck().await;
    let start = Instant::now();
    let error = connection.flush().await.unwrap_err();
    assert!(error.to_string().contains("took none"), "{error}");
    assert_eq!(start.elapsed(), SECOND * 15 + EIGHTH);
}

/// An answer of the system costs more than a message.
#[tokio::test(start_paused = true)]
async fn the_system_is_asked_by_the_clock_and_not_with_messages() {
    let (peer, mut connection) = stuck().await;
    for _ in 0..1_000 {
        peer.mock.receive(Frame::data("x"));
        assert!(connection.next().await.unwrap().is_ok());
        assert!(connection.next().now_or_never().is_none());
        assert!(connection.flush().now_or_never().is_none());
        sleep(Duration::from_millis(15)).await;
    }
    // Fifteen seconds.
    let asked = peer.asked.load(Relaxed);
    assert!((7..=8).contains(&asked), "{asked} times");
}
