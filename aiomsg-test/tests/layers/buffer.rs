use std::time::Duration;

use aiomsg_core::{Limits, Outbound};
use aiomsg_layers::route::{Changes, RoundRobin};
use aiomsg_layers::{Buffer, Router};
use aiomsg_test::discard;
use aiomsg_test::peers::{self, LIMITS, MockPeer, PeersHandle};
use futures::FutureExt;
use tokio::time::sleep;
use tower::{Service, ServiceExt};

type Sender = Buffer<Router<Changes<MockPeer>, RoundRobin>>;

fn buffer(limits: Limits) -> (Sender, PeersHandle) {
    let (changes, peers) = peers::pair();
    let router = Router::new(changes, RoundRobin::new(), discard::pair().0);
    let (buffer, driver) = Buffer::new(router, limits);
    tokio::spawn(driver.run());
    (buffer, peers)
}

async fn send(buffer: &mut Sender, payload: &'static str) {
    let buffer = buffer.ready().await.unwrap();
    buffer.call(Outbound::new(payload)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_to_nobody_goes_to_who_comes() {
    let (mut buffer, peers) = buffer(Sender::LIMITS);
    for payload in ["1", "2", "3"] {
        send(&mut buffer, payload).await;
    }
    assert_eq!(buffer.len(), 3);
    let peer = peers.insert("a", LIMITS);
    for payload in ["1", "2", "3"] {
        let message = peer.next_message().await.unwrap();
        assert_eq!(message.payload(), payload);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_buffer_makes_the_caller_wait() {
    let two = Limits { items: 2, ..LIMITS };
    let (mut buffer, peers) = buffer(two);
    send(&mut buffer, "1").await;
    send(&mut buffer, "2").await;
    assert!(buffer.ready().now_or_never().is_none());
    let peer = peers.insert("a", LIMITS);
    send(&mut buffer, "3").await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(peer.take_payloads(), ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_peer_makes_the_caller_wait_until_it_is_free() {
    let (mut buffer, peers) = buffer(Sender::LIMITS);
    let peer = peers.insert("a", LIMITS);
    peer.fill();
    let sending = tokio::spawn(async move { send(&mut buffer, "1").await });
    sleep(Duration::from_secs(60)).await;
    assert!(!sending.is_finished());
    peer.free();
    sending.await.unwrap();
    assert_eq!(peer.take_payloads(), ["1"]);
    assert_eq!(peer.overruns(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_an_ended_connection_left_is_sent_with_nobody_calling() {
    let (mut buffer, peers) = buffer(Sender::LIMITS);
    let a = peers.insert("a", LIMITS);
    for payload in ["1", "2", "3"] {
        send(&mut buffer, payload).await;
    }
    let batch = a.take();
    a.end_with(batch);
    let b = peers.insert("b", LIMITS);
    for payload in ["1", "2", "3"] {
        let message = b.next_message().await.unwrap();
        assert_eq!(message.payload(), payload);
    }
}
