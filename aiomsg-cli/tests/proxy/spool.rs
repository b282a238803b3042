//! A spooled proxy: what is stored outlives it.

use std::path::Path;
use std::time::Duration;

use super::*;

fn careful() -> Socket {
    let builder = Socket::builder().at_least_once();
    builder
        .ack_timeout(Duration::from_millis(500))
        .max_resends(u32::MAX)
        .build()
        .unwrap()
}

async fn start(folder: &Path, options: &[&str]) -> Proxy {
    let folder = folder.to_str().unwrap();
    Proxy::start(&[&["--spool", folder][..], options].concat()).await
}

/// Without a consumer, a message is acknowledged when it is stored; a killed proxy has it
/// still, and sends it under the same id and identity.
#[tokio::test]
async fn a_stored_message_outlives_a_killed_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let mut senders = Vec::new();
    for _ in 0..2 {
        let mut proxy = start(&spool, &[]).await;
        let producer = proxy.joined(careful(), "frontend").await;
        for n in 0..100 {
            within("the acknowledgement", producer.send_acked(n.to_string()))
                .await
                .unwrap();
        }
        proxy.program.kill().await;
    }
    let proxy = start(&spool, &[]).await;
    proxy.until("aiomsg_spool_messages", 200.0).await;
    let consumer = proxy.consumer().await;
    for n in (0..100).chain(0..100) {
        let job = recv(&consumer).await;
        assert_eq!(job.payload(), n.to_string().as_bytes());
        senders.push(job.from().clone());
    }
    senders.dedup();
    proxy.until("aiomsg_spool_messages", 0.0).await;
    proxy.until("aiomsg_spool_acknowledged_total", 200.0).await;
    let ended = proxy.program.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.lines.iter().any(|it| it == "  0 stay in the spool"),
        "{ended:?}"
    );
    // The next one has the same identity.
    let proxy = start(&spool, &[]).await;
    let consumer = proxy.consumer().await;
    let producer = proxy.producer().await;
    producer.send("one more").await.unwrap();
    senders.push(recv(&consumer).await.from().clone());
    senders.dedup();
    assert_eq!(senders.len(), 1);
    drop(consumer);
}

#[tokio::test]
async fn a_drain_leaves_the_rest_in_the_spool() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = start(folder.path(), &["--spool-sync", "os"]).await;
    let producer = proxy.joined(careful(), "frontend").await;
    proxy.program.signal("USR1").await;
    proxy.program.says("paused", 1).await;
    for n in 0..1000 {
        producer.send(n.to_string()).await.unwrap();
    }
    let inbox = "aiomsg_inbox_messages{side=\"frontend\"}";
    within("all to arrive", async {
        while http::metric(&proxy.metrics, inbox).await < 1000.0 {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(producer.stats().unacknowledged_messages > 0);
    let ended = proxy.program.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let rest = ended.lines.last().unwrap();
    let rest = rest.strip_suffix(" stay in the spool").unwrap().trim();
    let rest: usize = rest.parse().unwrap();
    assert!(rest >= 1000, "{ended:?}");
    until("the acknowledgements", || {
        producer.stats().unacknowledged_messages == 0
    })
    .await;

    let proxy = start(folder.path(), &[]).await;
    let consumer = proxy.consumer().await;
    let jobs = recv_all(&consumer, rest).await;
    assert_eq!(jobs[0], "0");
    let ended = proxy.program.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// The second one does not touch what the first one has.
#[tokio::test]
async fn a_second_proxy_is_refused_by_the_name_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path(), &[]).await;
    let sides = ["--frontend", "127.0.0.1:0", "--backend", "127.0.0.1:0"];
    let spool = ["proxy", "--spool", folder.path().to_str().unwrap()];
    let second = Program::run([&spool[..], &sides[..]].concat()).await;
    assert_eq!(second.code, Some(1), "{second:?}");
    let error = second.error();
    assert!(error.contains("in use by aiomsg (process "), "{error}");
    let ended = first.program.stop().await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn publishing_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let sides = ["--frontend", "127.0.0.1:0", "--backend", "127.0.0.1:0"];
    let options = ["--mode", "publish", "--spool", spool.to_str().unwrap()];
    let ended = Program::run([&["proxy"][..], &sides, &options].concat()).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let error = ended.error();
    assert!(
        error.contains("--spool: it is for --mode round-robin"),
        "{error}"
    );
    let ended = Program::run(
        [
            &["proxy", "--check-config", "--spool"][..],
            &[options[3]],
            &sides,
        ]
        .concat(),
    )
    .await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!spool.exists(), "a check changes nothing");
}

/// Beyond the limit, producers are held back, and go on when there is room.
#[tokio::test]
async fn a_full_spool_holds_producers_back() {
    let folder = tempfile::tempdir().unwrap();
    let limit = ["--spool-max-messages", "10", "--spool-sync", "os"];
    let proxy = start(folder.path(), &limit).await;
    let producer = proxy.joined(careful(), "frontend").await;
    for n in 0..10 {
        within("room", producer.send_acked(n.to_string()))
            .await
            .unwrap();
    }
    let mut next = Box::pin(producer.send_acked("10"));
    let held_back = tokio::time::timeout(Duration::from_millis(300), &mut next);
    assert!(held_back.await.is_err(), "there is no room");
    let consumer = proxy.consumer().await;
    within("room", next).await.unwrap();
    let jobs = recv_all(&consumer, 11).await;
    assert_eq!(
        jobs[..10],
        (0..10).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    assert_eq!(jobs[10], "10");
}

/// What the rule drops is counted, and the log says why.
#[tokio::test]
async fn the_overflow_rule_is_that_of_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--spool-max-messages", "10", "--overflow", "drop-oldest"];
    let proxy = start(folder.path(), &options).await;
    let producer = proxy.joined(careful(), "frontend").await;
    for n in 0..30 {
        within("the acknowledgement", producer.send_acked(n.to_string()))
            .await
            .unwrap();
    }
    let metric = "aiomsg_dropped_messages_total{side=\"spool\",reason=\"overflow\"}";
    let dropped = http::metric(&proxy.metrics, metric).await;
    assert!(dropped > 0.0);
    proxy.program.logs("the spool dropped messages").await;
}

/// Return addresses are in the stored message.
#[tokio::test]
async fn replies_come_back_through_a_spool() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = start(folder.path(), &["--replies"]).await;
    let producer = proxy.joined(careful(), "frontend").await;
    producer.send("7\0question").await.unwrap();
    let consumer = proxy.consumer().await;
    let job = recv(&consumer).await;
    let end = job.payload().iter().position(|it| *it == 0).unwrap();
    let answer = [&job.payload()[..=end], b"answer"].concat();
    consumer.send(answer).await.unwrap();
    assert_eq!(recv_text(&producer).await, "7\0answer");
}
