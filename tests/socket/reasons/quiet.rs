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
