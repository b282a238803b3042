//! Ending.

use super::*;

#[tokio::test]
async fn what_no_consumer_takes_is_told_of_as_lost() {
    let proxy = Proxy::start(&["--drain-deadline", "300ms"]).await;
    let producer = proxy.producer().await;
    for n in 0..5 {
        producer.send(n.to_string()).await.unwrap();
    }
    assert!(producer.close(PATIENCE).await.is_clean());
    let ended = proxy.program.stop().await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.report(),
        "drained: 5 taken, 0 forwarded, 0 unacknowledged, 5 unsent, 0 dropped"
    );
    assert!(ended.error().contains("the drain deadline: 5"), "{ended:?}");
}

/// A consumer that is slow to take gets all of it.
#[tokio::test]
async fn what_has_come_is_forwarded_first() {
    const JOBS: usize = 3000;
    let proxy = Proxy::start(&["--queue-messages", "10", "--drain-deadline", "50s"]).await;
    let limits = aiomsg::Limits {
        items: 10,
        bytes: 1 << 20,
    };
    let consumer = Socket::builder().receive_limits(limits).build().unwrap();
    let consumer = proxy.joined(consumer, "backend").await;
    let producer = proxy.producer().await;
    let payload = "x".repeat(10_000);
    for _ in 0..JOBS {
        producer.send(payload.clone()).await.unwrap();
    }
    assert!(producer.close(PATIENCE).await.is_clean());
    proxy.program.signal("INT").await;
    proxy.program.says("draining", 1).await;
    for _ in 0..JOBS {
        recv(&consumer).await;
    }
    let ended = proxy.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .report()
            .starts_with("drained: 3000 taken, 3000 forwarded"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let proxy = Proxy::start(&["--drain-deadline", "1h"]).await;
    let producer = proxy.producer().await;
    producer.send("for nobody").await.unwrap();
    assert!(producer.close(PATIENCE).await.is_clean());
    proxy.program.signal("TERM").await;
    proxy.program.says("draining", 1).await;
    proxy.program.signal("INT").await;
    let ended = proxy.program.ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .error()
            .contains("messages that were not forwarded: 1"),
        "{ended:?}"
    );
}

/// They were dropped in silence.
#[tokio::test]
async fn orders_that_come_while_it_drains_are_told_of() {
    let proxy = Proxy::start(&["--drain-deadline", "1h"]).await;
    let producer = proxy.producer().await;
    producer.send("for nobody").await.unwrap();
    assert!(producer.close(PATIENCE).await.is_clean());
    proxy.program.signal("TERM").await;
    proxy.program.says("draining", 1).await;
    for (signal, order) in [("HUP", "reload"), ("USR1", "pause"), ("USR2", "resume")] {
        proxy.program.signal(signal).await;
        let line = format!("not acted upon, as the proxy is draining: the signal to {order}");
        proxy.program.logs(&line).await;
    }
    proxy.program.signal("TERM").await;
    assert_eq!(proxy.program.ended().await.code, Some(1));
}

/// What the proxy has not acknowledged is its producer's, and it says so.
#[tokio::test]
async fn what_is_not_acknowledged_stays_with_its_producer() {
    let options = ["--at-least-once", "both", "--drain-deadline", "300ms"];
    let proxy = Proxy::start(&options).await;
    let producer = Socket::builder().at_least_once().build().unwrap();
    producer.connect(&*proxy.frontend).unwrap();
    for n in 0..5 {
        producer.send(n.to_string()).await.unwrap();
    }
    proxy
        .until("aiomsg_received_messages_total{side=\"frontend\"}", 5.0)
        .await;
    let ended = proxy.program.stop().await;
    assert_eq!(
        ended.report(),
        "drained: 5 taken, 0 forwarded, 5 unacknowledged, 0 unsent, 0 dropped"
    );
    assert_eq!(ended.code, Some(0), "nothing is lost: {ended:?}");
    assert_eq!(producer.stats().unacknowledged_messages, 5);
}

/// New producers are turned away, and replies still come back.
#[tokio::test]
async fn replies_to_what_was_forwarded_are_waited_for() {
    let proxy = Proxy::start(&["--replies"]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    producer.send("1\0question").await.unwrap();
    let request = recv(&consumer).await;
    proxy.program.signal("TERM").await;
    proxy.program.says("draining", 1).await;
    let to = request.from().clone();
    consumer.send_to(to, request.into_payload()).await.unwrap();
    assert_eq!(recv_text(&producer).await, "1\0question");
    let ended = proxy.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .lines
            .contains(&"  replies: 1 taken, 1 forwarded".to_owned()),
        "{ended:?}"
    );
}
