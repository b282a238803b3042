//! Who acknowledges what, and when.

use aiomsg::AckMode;

use super::*;

fn careful(endpoint: &str) -> Socket {
    connected(Socket::builder().at_least_once().build().unwrap(), endpoint)
}

/// A consumer that acknowledges when it is told to.
async fn deliberate(proxy: &Proxy) -> Socket {
    let consumer = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    proxy.joined(consumer, "backend").await
}

#[tokio::test]
async fn both_a_message_is_acknowledged_when_a_consumer_has_done_so() {
    let proxy = Proxy::start(&["--at-least-once", "both"]).await;
    let consumer = deliberate(&proxy).await;
    let producer = careful(&proxy.frontend);
    let mut sent = Box::pin(producer.send_acked("job"));
    let job = tokio::select! {
        job = recv(&consumer) => job,
        _ = &mut sent => panic!("nobody has acknowledged it"),
    };
    assert!(futures::FutureExt::now_or_never(&mut sent).is_none());
    assert!(consumer.acknowledge(&job));
    within("the acknowledgement", sent).await.unwrap();
}

/// As many as the window, and no more, are with the consumers; and one whose
/// producer does not ask for an acknowledgement takes the same way.
#[tokio::test]
async fn both_has_a_window() {
    let proxy = Proxy::start(&["--at-least-once", "both", "--in-flight", "3"]).await;
    let consumer = deliberate(&proxy).await;
    let producer = proxy.producer().await;
    for n in 0..6 {
        producer.send(n.to_string()).await.unwrap();
    }
    proxy
        .until("aiomsg_received_messages_total{side=\"frontend\"}", 6.0)
        .await;
    let mut jobs = vec![
        recv(&consumer).await,
        recv(&consumer).await,
        recv(&consumer).await,
    ];
    // They are six, and wait for the first three.
    proxy
        .until("aiomsg_inbox_messages{side=\"frontend\"}", 3.0)
        .await;
    while jobs.len() < 6 {
        assert_eq!(consumer.stats().received_messages, jobs.len() as u64);
        assert!(consumer.acknowledge(&jobs[jobs.len() - 3]));
        jobs.push(recv(&consumer).await);
    }
    for job in &jobs[3..] {
        assert!(consumer.acknowledge(job));
    }
    let ended = proxy.program.stop().await;
    assert!(
        ended.report().starts_with("drained: 6 taken, 6 forwarded"),
        "{ended:?}"
    );
}

/// Acknowledged as soon as a consumer's queue has it.
#[tokio::test]
async fn frontend_a_message_is_acknowledged_when_it_is_forwarded() {
    let proxy = Proxy::start(&["--at-least-once", "frontend", "--queue-messages", "10"]).await;
    let producer = careful(&proxy.frontend);
    let consumer = deliberate(&proxy).await;
    within("the acknowledgement", producer.send_acked("job"))
        .await
        .unwrap();
    assert_eq!(
        recv(&consumer).await.id(),
        None,
        "the backend asks for none"
    );
}

/// Acknowledged when the proxy has it, and sent again until a consumer does.
#[tokio::test]
async fn backend_a_message_goes_to_another_consumer_if_the_first_one_dies() {
    let proxy = Proxy::start(&["--at-least-once", "backend", "--ack-timeout", "200ms"]).await;
    let first = deliberate(&proxy).await;
    let producer = careful(&proxy.frontend);
    within("the acknowledgement", producer.send_acked("job"))
        .await
        .unwrap();
    assert_eq!(recv(&first).await.payload(), "job");
    // It goes without a word of what it got.
    drop(first);
    let second = proxy.consumer().await;
    assert_eq!(recv_text(&second).await, "job");
    assert!(second.close(PATIENCE).await.is_clean());
    let ended = proxy.program.stop().await;
    assert!(ended.report().contains("1 forwarded"), "{ended:?}");
    assert_eq!(ended.code, Some(0));
}
