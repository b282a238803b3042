//! What a socket says of each of its peers, and of what it gave up.

use aiomsg::Limits;
use aiomsg::builder::Overflow;
use aiomsg::message::DropReason;

use super::*;

#[tokio::test]
async fn each_peer_has_counts_of_its_own() {
    let (server, endpoint) = bound().await;
    let (one, two) = (Socket::new().unwrap(), Socket::new().unwrap());
    for client in [&one, &two] {
        client.connect(endpoint.clone()).unwrap();
    }
    within("the peers", server.wait_for_peers(2)).await.unwrap();
    one.send("three").await.unwrap();
    within("it", server.recv()).await.unwrap();
    for _ in 0..2 {
        server
            .send_to(two.identity().clone(), "four")
            .await
            .unwrap();
        within("it", two.recv()).await.unwrap();
    }

    let mut stats = server.peer_stats();
    stats.sort_by_key(|it| it.received_messages);
    let [of_two, of_one] = &stats[..] else {
        panic!("{stats:?}")
    };
    assert_eq!(of_one.peer.identity, *one.identity());
    assert_eq!((of_one.received_messages, of_one.received_bytes), (1, 5));
    assert_eq!((of_one.sent_messages, of_one.sent_bytes), (0, 0));
    assert_eq!((of_two.sent_messages, of_two.sent_bytes), (2, 8));
    assert_eq!((of_two.received_messages, of_two.received_bytes), (0, 0));
    assert!(of_two.connected_for > Duration::ZERO);
    let all = server.stats();
    assert_eq!((all.sent_messages, all.received_messages), (2, 1));
}

/// The peer takes nothing, so what is sent waits in its queue.
#[tokio::test]
async fn what_waits_for_a_peer_is_counted() {
    let (server, endpoint) = bound().await;
    let mut deaf = Raw::connect(&endpoint).await;
    deaf.write(hello_v1(&[1; 16])).await;
    within("the peer", server.wait_for_peers(1)).await.unwrap();
    let payload = vec![0; 1 << 20];
    // More than the system holds for a connection.
    while server.peer_stats()[0].queued_bytes == 0 {
        let sent = tokio::time::timeout(PATIENCE, server.send(payload.clone())).await;
        sent.expect("its queue has room for one").unwrap();
        tokio::task::yield_now().await;
    }
    let stats = &server.peer_stats()[0];
    assert_eq!(stats.queued_bytes, stats.queued_messages * payload.len());
}

#[tokio::test]
async fn bytes_in_the_inbox_are_counted_with_their_messages() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    for text in ["three", "four"] {
        client.send(text).await.unwrap();
    }
    let inbox = || {
        let stats = server.stats();
        (stats.unreceived_messages, stats.unreceived_bytes)
    };
    within("both", async {
        while inbox().0 < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(inbox(), (2, 9));
    within("one", server.recv()).await.unwrap();
    assert_eq!(inbox(), (1, 4));
}

#[tokio::test]
async fn drops_are_counted_by_reason() {
    let limits = Limits {
        items: 2,
        bytes: 100,
    };
    let socket = Socket::builder()
        .buffer_limits(limits)
        .overflow(Overflow::DropOldest)
        .build()
        .unwrap();
    for _ in 0..5 {
        within("room", socket.send("nobody is there"))
            .await
            .unwrap();
    }
    let stats = socket.stats();
    assert_eq!(stats.drops.of(DropReason::Overflow), 3);
    assert_eq!(stats.drops.iter().map(|(_, count)| count).sum::<u64>(), 3);
    assert_eq!(stats.dropped_messages, 3);
}
