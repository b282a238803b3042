//! Who acknowledges what, and when.

use aiomsg::AckMode;

use super::*;

fn careful(endpoint: &str) -> Socket {
    connected(Socket::builder().at_least_once().build().unwrap(), endpoint)
}

/// A worker that acknowledges when it is told to.
async fn deliberate(proxy: &Proxy) -> Socket {
    let worker = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    proxy.joined(worker, "backend").await
}

#[tokio::test]
async fn both_a_message_is_acknowledged_when_a_worker_has_done_so() {
    let proxy = Proxy::start(&["--at-least-once", "both"]).await;
    let worker = deliberate(&proxy).await;
    let creator = careful(&proxy.frontend);
    let mut sent = Box::pin(creator.send_acked("job"));
    let job = tokio::select! {
        job = recv(&worker) => job,
        _ = &mut sent => panic!("nobody has acknowledged it"),
    };
    assert!(futures::FutureExt::now_or_never(&mut sent).is_none());
    assert!(worker.acknowledge(&job));
    within("the acknowledgement", sent).await.unwrap();
}

/// As many as the window, and no more, are with the workers; and one whose
/// creator does not ask for an acknowledgement takes the same way.
#[tokio::test]
async fn both_has_a_window() {
    let proxy = Proxy::start(&["--at-least-once", "both", "--in-flight", "3"]).await;
    let worker = deliberate(&proxy).await;
    let creator = proxy.creator().await;
    for n in 0..6 {
        creator.send(n.to_string()).await.unwrap();
    }
    proxy
        .until("aiomsg_received_messages_total{side=\"frontend\"}", 6.0)
        .await;
    let mut jobs = vec![
        recv(&worker).await,
        recv(&worker).await,
        recv(&worker).await,
    ];
    // They are six, and wait for the first three.
    proxy
        .until("aiomsg_inbox_messages{side=\"frontend\"}", 3.0)
        .await;
    while jobs.len() < 6 {
        assert_eq!(worker.stats().received_messages, jobs.len() as u64);
        assert!(worker.acknowledge(&jobs[jobs.len() - 3]));
        jobs.push(recv(&worker).await);
    }
    for job in &jobs[3..] {
        assert!(worker.acknowledge(job));
    }
    let ended = proxy.program.stop().await;
    assert!(
        ended.report().starts_with("drained: 6 taken, 6 handed on"),
        "{ended:?}"
    );
}

/// Acknowledged as soon as a worker's queue has it.
#[tokio::test]
async fn frontend_a_message_is_acknowledged_when_it_is_handed_on() {
    let proxy = Proxy::start(&["--at-least-once", "frontend", "--queue-messages", "10"]).await;
    let creator = careful(&proxy.frontend);
    let worker = deliberate(&proxy).await;
    within("the acknowledgement", creator.send_acked("job"))
        .await
        .unwrap();
    assert_eq!(recv(&worker).await.id(), None, "the backend asks for none");
}

/// Acknowledged when the proxy has it, and sent again until a worker does.
#[tokio::test]
async fn backend_a_message_goes_to_another_worker_if_the_first_one_dies() {
    let proxy = Proxy::start(&["--at-least-once", "backend", "--ack-timeout", "200ms"]).await;
    let first = deliberate(&proxy).await;
    let creator = careful(&proxy.frontend);
    within("the acknowledgement", creator.send_acked("job"))
        .await
        .unwrap();
    assert_eq!(recv(&first).await.payload(), "job");
    // It goes without a word of what it got.
    drop(first);
    let second = proxy.worker().await;
    assert_eq!(recv_text(&second).await, "job");
    assert!(second.close(PATIENCE).await.is_clean());
    let ended = proxy.program.stop().await;
    assert!(ended.report().contains("1 handed on"), "{ended:?}");
    assert_eq!(ended.code, Some(0));
}
