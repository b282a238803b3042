use std::time::Duration;

use aiomsg::builder::Overflow;
use aiomsg_spool::{JetstreamSettings, Spool, SpoolError};

use super::nats_server::Server;
use super::{SOON, open, soon, support};

#[tokio::test]
async fn messages_outlive_the_process() {
    let server = Server::start();
    {
        let spool = open(&server, Spool::builder()).await;
        let producer = support::producer(&spool);
        for n in 0..300 {
            soon(producer.send(n.to_string())).await.unwrap();
        }
        producer.close(SOON).await;
        soon(spool.close()).await.unwrap();
    }
    let spool = open(&server, Spool::builder()).await;
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 300);
    let producer = support::producer(&spool);
    let consumer = support::consumer(&producer).await;
    let mut all = Vec::new();
    for _ in 0..300 {
        let text = soon(consumer.recv_text()).await.unwrap();
        all.push(text.parse::<u32>().unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, (0..300).collect::<Vec<_>>());
    assert_eq!(spool.drain(SOON).await.unwrap(), 0);
}

#[tokio::test]
async fn what_fails_comes_again_and_is_set_aside_after_the_last_try() {
    let server = Server::start();
    let spool = open(&server, Spool::builder().max_tries(3)).await;
    spool.append("poison").await.unwrap();
    spool.append("good").await.unwrap();
    let mut messages = spool.messages().unwrap();
    let (mut tries, mut good) = (Vec::new(), 0);
    while tries.len() < 3 || good < 1 {
        let held = soon(messages.next()).await.unwrap();
        if held.payload() == "good" {
            good += 1;
            held.done().await.unwrap();
        } else {
            tries.push(held.tries());
            held.failed("it is poison\nfor all").await.unwrap();
        }
    }
    assert_eq!((tries, good), (vec![0, 1, 2], 1));
    soon(async {
        loop {
            let stats = spool.stats().await.unwrap();
            if (stats.waiting.messages, stats.dead.messages) == (0, 1) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_not_settled_goes_to_the_next_spool_under_its_id() {
    let server = Server::start();
    let spool = open(&server, Spool::builder()).await;
    spool.append("job").await.unwrap();
    let mut messages = spool.messages().unwrap();
    let held = soon(messages.next()).await.unwrap();
    let id = held.id();
    soon(spool.close()).await.unwrap();

    let spool = open(&server, Spool::builder()).await;
    let mut messages = spool.messages().unwrap();
    let held = soon(messages.next()).await.unwrap();
    assert_eq!((held.id(), held.payload().as_ref()), (id, &b"job"[..]));
    held.done().await.unwrap();
}

/// The server knows a message that is stored twice under one id.
#[tokio::test]
async fn a_message_that_is_stored_twice_is_there_once() {
    let server = Server::start();
    let spool = open(&server, Spool::builder()).await;
    let id = aiomsg::message::MessageId::from_bytes([7; 16]);
    for _ in 0..3 {
        spool
            .append(aiomsg::Outbound::new("job").with_id(id))
            .await
            .unwrap();
    }
    assert_eq!(spool.stats().await.unwrap().waiting.messages, 1);
}

#[tokio::test]
async fn a_full_stream_refuses_more() {
    let server = Server::start();
    let small = || {
        let builder = Spool::builder().max_messages(3);
        open(&server, builder.overflow(Overflow::RefuseNewest))
    };
    let spool = small().await;
    // It does not hear of what the other one stores.
    let other = small().await;
    for _ in 0..3 {
        spool.append("job").await.unwrap();
    }
    for spool in [spool, other] {
        let error = soon(spool.append("one more")).await.unwrap_err();
        assert!(error.is_full(), "{error}");
        assert_eq!(spool.stats().await.unwrap().waiting.messages, 3);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .unwrap()
        .port();
    let url = format!("nats://127.0.0.1:{port}");
    let settings = JetstreamSettings::new("jobs");
    let error = soon(Spool::builder().connect(&url, settings))
        .await
        .unwrap_err();
    assert!(matches!(error, SpoolError::Server { .. }));
    assert_eq!(error.to_string(), format!("the server {url} failed"));
}
