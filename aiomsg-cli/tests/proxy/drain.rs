//! Ending.

use super::*;

#[tokio::test]
async fn what_no_worker_takes_is_told_of_as_lost() {
    let proxy = Proxy::start(&["--drain-deadline", "300ms"]).await;
    let creator = proxy.creator().await;
    for n in 0..5 {
        creator.send(n.to_string()).await.unwrap();
    }
    assert!(creator.close(PATIENCE).await.is_clean());
    let ended = proxy.program.stop().await;
    assert_eq!(ended.code, Some(1));
    assert_eq!(
        ended.report(),
        "drained: 5 taken, 0 handed on, 0 left with their creators, 5 unsent, 0 dropped"
    );
    assert!(ended.error().contains("the drain deadline: 5"), "{ended:?}");
}

/// A worker that is slow to take gets all of it.
#[tokio::test]
async fn what_has_come_is_handed_on_first() {
    const JOBS: usize = 3000;
    let proxy = Proxy::start(&["--queue-messages", "10", "--drain-deadline", "50s"]).await;
    let limits = aiomsg::Limits {
        items: 10,
        bytes: 1 << 20,
    };
    let worker = Socket::builder().receive_limits(limits).build().unwrap();
    let worker = proxy.joined(worker, "backend").await;
    let creator = proxy.creator().await;
    let payload = "x".repeat(10_000);
    for _ in 0..JOBS {
        creator.send(payload.clone()).await.unwrap();
    }
    assert!(creator.close(PATIENCE).await.is_clean());
    proxy.program.signal("INT").await;
    proxy.program.says("draining", 1).await;
    for _ in 0..JOBS {
        recv(&worker).await;
    }
    let ended = proxy.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .report()
            .starts_with("drained: 3000 taken, 3000 handed on"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let proxy = Proxy::start(&["--drain-deadline", "1h"]).await;
    let creator = proxy.creator().await;
    creator.send("for nobody").await.unwrap();
    assert!(creator.close(PATIENCE).await.is_clean());
    proxy.program.signal("TERM").await;
    proxy.program.says("draining", 1).await;
    proxy.program.signal("INT").await;
    let ended = proxy.program.ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .error()
            .contains("messages that were not handed on: 1"),
        "{ended:?}"
    );
}

/// They were dropped in silence.
#[tokio::test]
async fn orders_that_come_while_it_drains_are_told_of() {
    let proxy = Proxy::start(&["--drain-deadline", "1h"]).await;
    let creator = proxy.creator().await;
    creator.send("for nobody").await.unwrap();
    assert!(creator.close(PATIENCE).await.is_clean());
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

/// What the proxy has not acknowledged is its creator's, and it says so.
#[tokio::test]
async fn what_is_not_acknowledged_stays_with_its_creator() {
    let options = ["--at-least-once", "both", "--drain-deadline", "300ms"];
    let proxy = Proxy::start(&options).await;
    let creator = Socket::builder().at_least_once().build().unwrap();
    creator.connect(&*proxy.frontend).unwrap();
    for n in 0..5 {
        creator.send(n.to_string()).await.unwrap();
    }
    proxy
        .until("aiomsg_received_messages_total{side=\"frontend\"}", 5.0)
        .await;
    let ended = proxy.program.stop().await;
    assert_eq!(
        ended.report(),
        "drained: 5 taken, 0 handed on, 5 left with their creators, 0 unsent, 0 dropped"
    );
    assert_eq!(ended.code, Some(0), "nothing is lost: {ended:?}");
    assert_eq!(creator.stats().unacknowledged_messages, 5);
}

/// New creators are turned away, and replies still come back.
#[tokio::test]
async fn replies_to_what_was_handed_on_are_waited_for() {
    let proxy = Proxy::start(&["--replies"]).await;
    let worker = proxy.worker().await;
    let creator = proxy.creator().await;
    creator.send("1\0question").await.unwrap();
    let request = recv(&worker).await;
    proxy.program.signal("TERM").await;
    proxy.program.says("draining", 1).await;
    let to = request.from().clone();
    worker.send_to(to, request.into_payload()).await.unwrap();
    assert_eq!(recv_text(&creator).await, "1\0question");
    let ended = proxy.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended
            .lines
            .contains(&"  replies: 1 taken, 1 handed on".to_owned()),
        "{ended:?}"
    );
}
