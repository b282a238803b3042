//! Failures that are the usual course of things.

use super::*;
use aiomsg::layer::Topics;
use aiomsg::message::DropReason;

#[tokio::test(start_paused = true)]
async fn a_message_to_a_topic_without_subscribers_is_no_warning() {
    let (log, _guard) = Collected::start();
    let topics = Topics::new();
    let news = Socket::builder()
        .policy(topics.policy())
        .connection_layer(topics.layer())
        .build()
        .unwrap();
    let endpoint = news.bind("mem://reasons-topics").await.unwrap();
    let reader = Socket::new().unwrap();
    reader.connect(endpoint).unwrap();
    news.wait_for_peers(1).await.unwrap();
    for _ in 0..100 {
        news.send("weather rain").await.unwrap();
    }
    a_minute_goes_by().await;
    assert_eq!(news.stats().drops.of(DropReason::Unwanted), 100);
    assert!(log.warnings().is_empty(), "{:?}", log.warnings());
    assert!(news.failures().is_empty());
}

/// Of two sockets that connect to each other, each refuses a connection again and again.
#[tokio::test(start_paused = true)]
async fn two_that_connect_to_each_other_warn_of_nothing() {
    let (log, _guard) = Collected::start();
    let sockets = [Socket::new().unwrap(), Socket::new().unwrap()];
    for (socket, name) in sockets.iter().zip(["one", "other"]) {
        socket
            .bind(&*format!("mem://reasons-{name}"))
            .await
            .unwrap();
    }
    sockets[0].connect("mem://reasons-other").unwrap();
    sockets[1].connect("mem://reasons-one").unwrap();
    for socket in &sockets {
        socket.wait_for_peers(1).await.unwrap();
    }
    a_minute_goes_by().await;
    let failed: u64 = sockets.iter().map(|it| it.stats().failed_connections).sum();
    assert!(failed > 0, "the case that is meant");
    assert!(log.warnings().is_empty(), "{:?}", log.warnings());
}

/// A load balancer that checks a port connects and leaves.
#[tokio::test(start_paused = true)]
async fn one_that_leaves_without_a_byte_is_no_warning() {
    let (log, _guard) = Collected::start();
    let (server, endpoint) = listening("check", Socket::new().unwrap()).await;
    for _ in 0..100 {
        drop(raw(&endpoint, b"").await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(server.stats().failed_connections, 100);
    assert!(log.warnings().is_empty(), "{:?}", log.warnings());
    assert!(server.failures().is_empty());
}

/// A look at who listens ends so, and a peer that tries in vain goes on.
#[tokio::test(start_paused = true)]
async fn one_that_leaves_half_way_is_a_warning_only_if_it_goes_on() {
    let (log, _guard) = Collected::start();
    let (server, endpoint) = listening("half-way", Socket::new().unwrap()).await;
    let leave = async || {
        raw(&endpoint, &[0, 0, 0, 16])
            .await
            .shutdown()
            .await
            .unwrap();
    };
    leave().await;
    leave().await;
    a_minute_goes_by().await;
    assert!(log.warnings().is_empty(), "{:?}", log.warnings());
    assert_eq!(log.of("a peer left in its handshake").len(), 2);
    assert_eq!(server.failures()[0].count, 2);

    for _ in 0..40 {
        leave().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let warnings = log.of("a handshake failed");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0]
            .get("reason")
            .contains("4 bytes into the handshake")
    );
}

/// A handshake that a close ends has not failed.
#[tokio::test(start_paused = true)]
async fn a_socket_that_closes_warns_of_no_peer() {
    let (log, _guard) = Collected::start();
    let server = Socket::new().unwrap();
    let endpoint = server.bind("mem://reasons-close").await.unwrap();
    let connector = aiomsg::parts::transport::Connector::new();
    let mute = tower::ServiceExt::oneshot(connector, endpoint)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.close(Duration::ZERO).await;
    assert!(log.warnings().is_empty(), "{:?}", log.warnings());
    drop(mute);
}
