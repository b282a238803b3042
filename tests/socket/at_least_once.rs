//! At-least-once, from socket to socket.

use super::*;
use aiomsg::message::DropReason;
use aiomsg::{DeliveryGuarantee, SendMode};

fn reliable() -> aiomsg::SocketBuilder {
    Socket::builder().delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
}

async fn acknowledged(socket: &Socket) {
    within("all acknowledgements", async {
        while socket.stats().unacknowledged_messages > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn everything_is_acknowledged_and_nothing_comes_twice() {
    let (server, endpoint) = bound().await;
    let client = reliable().build().unwrap();
    client.connect(endpoint).unwrap();
    for n in 0..5000 {
        client.send(n.to_string()).await.unwrap();
    }
    for n in 0..5000 {
        assert_eq!(
            within("a message", server.recv_text()).await.unwrap(),
            n.to_string()
        );
    }
    acknowledged(&client).await;
    assert_eq!(server.stats().unreceived_messages, 0);
}

/// Pitfall 27: at-least-once with publish quietly became at-most-once.
#[tokio::test]
async fn with_publish_it_does_not_build() {
    let error = reliable().send_mode(SendMode::Publish).build().unwrap_err();
    assert!(error.is_config());
    assert!(error.to_string().contains("publish"), "{error}");
}

/// What a dead peer did not acknowledge is sent to another at once.
#[tokio::test]
async fn what_a_dead_peer_did_not_acknowledge_goes_to_another_at_once() {
    let socket = reliable().build().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut dying = Raw::connect(&endpoint).await;
    dying.write(hello_v1(&[1; 16])).await;
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    for n in 0..10 {
        socket.send(n.to_string()).await.unwrap();
    }
    within("all to be sent", async {
        while socket.stats().sent_messages < 10 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(dying);
    let other = Socket::new().unwrap();
    other.connect(endpoint).unwrap();
    // Well below the 5 s after which it would be sent again anyway.
    let start = std::time::SystemTime::now();
    for n in 0..10 {
        assert_eq!(
            within("a message", other.recv_text()).await.unwrap(),
            n.to_string()
        );
    }
    assert!(start.elapsed().unwrap() < Duration::from_secs(4));
    acknowledged(&socket).await;
}

/// A peer that connected and hung up at once, six times, cost a message all its
/// resends within the second.
#[tokio::test(start_paused = true)]
async fn a_peer_that_comes_and_goes_does_not_use_up_the_resends() {
    let socket = reliable().build().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    socket.send("x").await.unwrap();
    for n in 1..=6 {
        let mut peer = Raw::connect(&endpoint).await;
        peer.write(hello_v1(&[n; 16])).await;
        within("the peer", socket.wait_for_peers(1)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(peer);
        within("its end", async {
            while socket.stats().peers > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    let good = Socket::new().unwrap();
    good.connect(endpoint).unwrap();
    assert_eq!(within("the message", good.recv()).await.unwrap(), "x");
    acknowledged(&socket).await;
    assert_eq!(socket.stats().dropped_messages, 0);
}

/// Pitfalls 23 and 24, on the wire: a resend after 5 s, with the same id, and
/// after the last one an event that hands the message back.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_never_acknowledged_is_handed_back() {
    let socket = reliable().max_resends(2).build().unwrap();
    let mut events = socket.events();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut peer = Raw::connect(&endpoint).await;
    peer.write(hello_v1(&[1; 16])).await;
    let mut hello = [0; 22];
    peer.0.read_exact(&mut hello).await.unwrap();
    socket.send("x").await.unwrap();
    let mut frames = Vec::new();
    let mut times = Vec::new();
    let start = tokio::time::Instant::now();
    while frames.len() < 3 {
        let mut prefix = [0; 4];
        peer.0.read_exact(&mut prefix).await.unwrap();
        let mut body = vec![0; u32::from_be_bytes(prefix) as usize];
        peer.0.read_exact(&mut body).await.unwrap();
        if body[0] == 4 {
            frames.push(body);
            times.push(start.elapsed().as_secs());
        }
        // A sign of life, lest the connection ends first.
        peer.write(b"\0\0\0\x01\x02").await;
    }
    assert_eq!(times, [0, 5, 10]);
    assert!(frames.iter().all(|frame| *frame == frames[0]), "one id");
    let (message, reason) = loop {
        match events.next().await.unwrap() {
            aiomsg::Event::Dropped { message, reason } => break (message, reason),
            _ => continue,
        }
    };
    assert_eq!(message.payload(), "x");
    assert_eq!(reason, DropReason::RetriesExhausted);
    assert_eq!(socket.stats().dropped_messages, 1);
}

/// Pitfall 23: "no resend" was read as "at once", or as "for ever".
#[tokio::test(start_paused = true)]
async fn without_resends_a_message_is_sent_once_and_given_up_in_time() {
    let socket = reliable().max_resends(0).build().unwrap();
    let mut events = socket.events();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut mute = Raw::connect(&endpoint).await;
    mute.write(hello_v1(&[1; 16])).await;
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    let start = tokio::time::Instant::now();
    socket.send("x").await.unwrap();
    let reason = event(&mut events, "the end of it", |event| match event {
        Event::Dropped { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert_eq!(reason, DropReason::RetriesExhausted);
    assert_eq!(start.elapsed().as_secs(), 5);
    // Our HELLO, the message, and at most a few heartbeats.
    drop(socket);
    let bytes = mute.closed().await;
    assert!((22 + 22..22 + 2 * 22).contains(&bytes), "{bytes}");
}

/// What is given up by one layer is not kept by another.
#[tokio::test(start_paused = true)]
async fn a_message_for_somebody_who_stays_away_is_given_up_altogether() {
    let socket = reliable().build().unwrap();
    let mut events = socket.events();
    socket
        .send_to(aiomsg::Identity::random(), "x")
        .await
        .unwrap();
    let Some(aiomsg::Event::Dropped { reason, .. }) = events.next().await else {
        panic!("the first thing to happen is the drop");
    };
    assert_eq!(reason, DropReason::PeerAbsent);
    assert_eq!(socket.stats().unacknowledged_messages, 0);
    assert!(socket.close(PATIENCE).await.is_clean());
}
