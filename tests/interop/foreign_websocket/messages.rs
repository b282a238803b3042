//! Messages, acknowledgements, heartbeats, pings, and the end.

use super::*;
use crate::support::python::{Heard, Shape};
use aiomsg::DeliveryGuarantee;

async fn at_most_once(way: Way) {
    let (socket, mut peer) = join(way, Socket::builder()).await;
    let who = only_peer(&socket);
    for data in [&b""[..], b"hi", &[0xff; 70_000]] {
        socket.send_to(who.clone(), data.to_vec()).await.unwrap();
        let heard = peer.recv().await;
        assert!(heard.data == data && heard.id.is_none());
        peer.send(data, None).await;
        let (from, message) = recv_from(&socket).await;
        assert!(from == who && message == data);
    }
    // What it has asked for is acknowledged with its id.
    for id in [b"0123456789abcdef", &[0; 16]] {
        peer.send(b"answer this", Some(id)).await;
        assert_eq!(recv(&socket).await, "answer this");
        assert_eq!(peer.acked().await, id);
    }
    assert!(socket.close(PATIENCE).await.is_clean());
    peer.down().await;
}

async fn at_least_once(way: Way) {
    let builder = Socket::builder().delivery_guarantee(DeliveryGuarantee::AtLeastOnce);
    let (socket, mut peer) = join(way, builder).await;
    let mut ids = Vec::new();
    for data in ["one", "two", ""] {
        socket.send(data).await.unwrap();
        let Heard { data: came, id } = peer.recv().await;
        assert_eq!(came, data.as_bytes());
        ids.push(id.expect("an id"));
    }
    assert_eq!(socket.stats().unacknowledged_messages, 3);
    for (left, id) in [(2, &ids[1]), (1, &ids[0]), (0, &ids[2])] {
        // Nobody waits for this one.
        peer.ack(b"fedcba9876543210").await;
        peer.ack(id).await;
        let acknowledged = || socket.stats().unacknowledged_messages == left;
        until("the acknowledgement", acknowledged).await;
    }
    talk(&socket, &peer).await;
    assert_eq!(socket.stats().unacknowledged_messages, 1);
    let report = within("the end", socket.close(Duration::from_millis(200))).await;
    assert_eq!(report.unacknowledged.len(), 1, "{report:?}");
    peer.down().await;
}

/// The most that we send in a WebSocket message.
const OUR_FRAME: u64 = 144 << 10;

/// 5 MiB, which come in frames of ours, and go back in each shape. The peer's own pings
/// go on meanwhile.
async fn a_large_message_in_any_shape(way: Way) {
    let (socket, mut peer) = join(way, Socket::builder()).await;
    let large: Vec<u8> = (0..5_u32 << 18).flat_map(u32::to_be_bytes).collect();
    for shape in [Shape::Small, Shape::One, Shape::Fragments] {
        peer.echo(shape).await;
        socket.send(large.clone()).await.unwrap();
        let (size, messages) = peer.echoed().await;
        assert_eq!(size, 5 << 20);
        assert!(messages >= size / OUR_FRAME, "{messages} messages");
        // Not `assert_eq`, which would print them.
        assert!(recv(&socket).await == large, "{shape:?}");
        peer.ping().await;
    }
    assert!(socket.close(PATIENCE).await.is_clean());
    peer.down().await;
}

/// Either end closes first: both send a close frame with 1000, and TCP ends after that,
/// without anybody's patience.
async fn both_close_with_1000(way: Way) {
    let (socket, mut peer) = join(way, Socket::builder()).await;
    talk(&socket, &peer).await;
    let who = only_peer(&socket);
    let mut events = socket.events();
    let id = b"0123456789abcdef";
    peer.send(b"the last", Some(id)).await;
    peer.close().await;
    assert_eq!(peer.acked().await, id, "before the answer");
    assert_eq!(recv(&socket).await, "the last");
    let codes = within("the end", peer.down()).await;
    assert_eq!(codes, (Some(1000), Some(1000)), "they first");
    down(&mut events, &who).await;

    let (socket, mut peer) = join(way, Socket::builder()).await;
    talk(&socket, &peer).await;
    socket.send("the last").await.unwrap();
    assert!(socket.close(PATIENCE).await.is_clean());
    assert_eq!(peer.recv().await.data, b"the last");
    let codes = within("the end", peer.down()).await;
    assert_eq!(codes, (Some(1000), Some(1000)), "we first");
}

each_way!(
    at_most_once,
    at_least_once,
    a_large_message_in_any_shape,
    both_close_with_1000,
);

/// Each end drops the other after 15 s without a heartbeat. All ways at once, because
/// this takes its real time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heartbeats_keep_idle_connections_up() {
    let mut pairs = Vec::new();
    for way in ALL_WAYS {
        pairs.push(join(way, Socket::builder()).await);
    }
    sleep(Duration::from_secs(17)).await;
    for (socket, peer) in &pairs {
        for _ in 0..3 {
            peer.heartbeat().await;
        }
        talk(socket, peer).await;
        assert_eq!(socket.stats().connections, 1);
    }
}

/// The library pings five times a second, and is answered. That is no life of aiomsg's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_are_no_heartbeats() {
    futures::future::join_all(ALL_WAYS.map(|way| async move {
        let certificates = Certificates::new();
        let builder = Socket::builder()
            .heartbeat_interval(Duration::from_millis(500))
            .heartbeat_timeout(Duration::from_secs(2));
        let theirs = WebSocketPeer::builder().without_heartbeats();
        let (socket, peer) = way.join(&certificates, builder, theirs).await;
        let who = only_peer(&socket);
        let mut events = socket.events();
        peer.ping().await;
        let reason = event(&mut events, "the end", |event| match event {
            Event::PeerDown { peer, reason } if peer.identity == who => Some(reason),
            _ => None,
        });
        let reason = reason.await;
        assert!(reason.is_timeout(), "{reason}");
    }))
    .await;
}

async fn join(way: Way, socket: SocketBuilder) -> (Socket, WebSocketPeer) {
    let certificates = Certificates::new();
    way.join(&certificates, socket, WebSocketPeer::builder())
        .await
}
