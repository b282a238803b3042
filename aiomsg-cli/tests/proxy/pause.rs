//! Pausing and going on.

use super::*;

/// Producers are held back, and nothing is lost.
#[tokio::test]
async fn while_it_is_paused_messages_wait_and_producers_are_held_back() {
    const JOBS: usize = 20_000;
    let proxy = Proxy::start(&["--inbox-messages", "100"]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    producer.send("before").await.unwrap();
    assert_eq!(recv_text(&consumer).await, "before");

    proxy.program.signal("USR1").await;
    proxy.program.says("paused", 1).await;
    let ready = http::get(&proxy.metrics.replace("/metrics", "/readyz")).await;
    assert_eq!(
        (ready.status, &*ready.body),
        (503, "not ready: it is paused\n")
    );
    let sending = tokio::spawn({
        let producer = producer.clone();
        async move {
            let payload = "x".repeat(5000);
            for _ in 0..JOBS {
                producer.send(payload.clone()).await.unwrap();
            }
        }
    });
    // Far more than a hundred messages and what the system holds of a connection.
    until("the producer to be held back", || {
        producer.peer_stats()[0].queued_messages > 100
    })
    .await;
    assert_eq!(
        consumer.stats().received_messages,
        1,
        "nothing is forwarded"
    );
    let taken = http::metric(
        &proxy.metrics,
        "aiomsg_proxy_taken_total{direction=\"onward\"}",
    )
    .await;
    assert_eq!(taken, 1.0);

    proxy.program.signal("USR2").await;
    proxy.program.says("resumed", 1).await;
    for _ in 0..JOBS {
        recv(&consumer).await;
    }
    sending.await.unwrap();
    assert_eq!(proxy.program.stop().await.code, Some(0));
}

/// A pause does not keep it from ending, and what had come is forwarded.
/// They were heard in any order.
#[tokio::test]
async fn the_last_of_two_signals_counts() {
    let proxy = Proxy::start(&[]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    for turn in 0..100 {
        // Where both are pending, the system hands them out in this order, too.
        proxy.program.signals(&["USR1", "USR2"]).await;
        producer.send(turn.to_string()).await.unwrap();
        assert_eq!(recv_text(&consumer).await, turn.to_string());
    }
}

#[tokio::test]
async fn it_drains_when_it_is_paused_too() {
    let proxy = Proxy::start(&[]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    proxy.program.signal("USR1").await;
    proxy.program.says("paused", 1).await;
    for n in 0..10 {
        producer.send(n.to_string()).await.unwrap();
    }
    assert!(producer.close(PATIENCE).await.is_clean());
    proxy
        .until("aiomsg_received_messages_total{side=\"frontend\"}", 10.0)
        .await;
    let ended = proxy.program.stop().await;
    assert_eq!(recv_all(&consumer, 10).await.len(), 10);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}
