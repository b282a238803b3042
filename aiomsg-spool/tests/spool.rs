//! The spool of a socket.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use aiomsg::{AckMode, Outbound, Socket};
use aiomsg_spool::{Spool, SpoolError, SyncPolicy};

mod support;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn messages_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    {
        let spool = Spool::open(folder.path()).await.unwrap();
        let producer = support::producer(&spool);
        for n in 0..1000 {
            producer.send(n.to_string()).await.unwrap();
        }
        producer.close(SOON).await;
        spool.close().await.unwrap();
    }
    let spool = Spool::open(folder.path()).await.unwrap();
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 1000);
    let producer = support::producer(&spool);
    let consumer = support::consumer(&producer).await;
    for n in 0..1000 {
        let message = tokio::time::timeout(SOON, consumer.recv_text()).await;
        assert_eq!(message.unwrap().unwrap(), n.to_string());
    }
    assert_eq!(spool.drain(SOON).await.unwrap(), 0);
}

#[tokio::test]
async fn an_inbox_acknowledges_what_it_has_stored() {
    let folder = tempfile::tempdir().unwrap();
    let producer = Socket::builder().at_least_once().build().unwrap();
    let endpoint = producer.bind("127.0.0.1:0").await.unwrap();
    {
        let spool = Spool::builder()
            .sync(SyncPolicy::Os)
            .open(folder.path())
            .await
            .unwrap();
        let consumer = Socket::builder()
            .ack_mode(AckMode::Handled)
            .build()
            .unwrap();
        consumer.connect(endpoint.clone()).unwrap();
        let inbox = spool.clone();
        let serving = tokio::spawn(
            consumer
                .serve(move |delivery: aiomsg::Delivery| {
                    let inbox = inbox.clone();
                    async move { inbox.receive(delivery).await }
                })
                .into_future(),
        );
        for n in 0..100 {
            producer.send_acked(n.to_string()).await.unwrap();
        }
        serving.abort();
        spool.close().await.unwrap();
    }
    let spool = Spool::open(folder.path()).await.unwrap();
    let mut messages = spool.messages().unwrap();
    assert!(matches!(spool.messages(), Err(SpoolError::Taken)));
    for n in 0..100 {
        let message = messages.next().await.unwrap();
        assert_eq!(message.payload(), n.to_string().as_bytes());
        message.done().await.unwrap();
    }
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 0);
}

/// Nobody settles a message that is too old: the drain waited until its deadline.
#[tokio::test]
async fn a_drain_ends_when_what_waits_is_too_old() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::builder().max_age(Duration::from_millis(10));
    let spool = spool.open(folder.path()).await.unwrap();
    spool.append("job").await.unwrap();
    let drained = tokio::time::timeout(SOON, spool.drain(Duration::MAX)).await;
    assert_eq!(drained.unwrap().unwrap(), 0);
    assert_eq!(spool.stats().await.unwrap().dead.messages, 1);
}

#[tokio::test]
async fn messages_keep_their_headers() {
    let folder = tempfile::tempdir().unwrap();
    let message = Outbound::new("job").header("trace-id", "17");
    {
        let spool = Spool::open(folder.path()).await.unwrap();
        let producer = support::producer(&spool);
        producer.send_message(message.clone()).await.unwrap();
        producer.send("plain").await.unwrap();
        let appended = message.clone().to(aiomsg::Identity::new("b").unwrap());
        producer.close(SOON).await;
        spool.append(appended).await.unwrap();
        spool.close().await.unwrap();
    }
    // Through a dead letter, and an inbox.
    let spool = Spool::open(folder.path()).await.unwrap();
    let mut messages = spool.messages().unwrap();
    for headers in [Some("17"), None, Some("17")] {
        let held = messages.next().await.unwrap();
        assert_eq!(held.headers().get("trace-id"), headers);
        held.set_aside("later").await.unwrap();
    }
    drop(messages);
    let from = aiomsg::Identity::new("a").unwrap();
    let arrived = aiomsg::Delivery::new(from, "job").with_headers(message.headers().clone());
    spool.receive(arrived).await.unwrap();
    spool.close().await.unwrap();
    let mut mender = aiomsg_spool::inspect::Mender::open(folder.path()).unwrap();
    assert_eq!(mender.requeue(&[1, 2, 3]).unwrap().changed.messages, 3);
    mender.close().unwrap();
    let spool = Spool::open(folder.path()).await.unwrap();
    let mut messages = spool.messages().unwrap();
    for headers in [Some("17"), Some("17"), None, Some("17")] {
        let held = messages.next().await.unwrap();
        assert_eq!(held.headers().get("trace-id"), headers);
        held.done().await.unwrap();
    }
}

/// It costs itself, and none that is stored with it later.
#[tokio::test]
async fn a_message_whose_headers_cannot_be_sent_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path()).await.unwrap();
    let bad = Outbound::new("job").header("two words", "");
    let error = spool.append(bad).await.unwrap_err();
    assert!(error.to_string().contains("two words"), "{error}");
    assert!(!error.is_temporary());
    assert!(aiomsg::Error::from(error).is_config());
    spool.append("good").await.unwrap();
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 1);
}
