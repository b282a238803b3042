//! The spool of a socket.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use aiomsg::{AckMode, Socket};
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
