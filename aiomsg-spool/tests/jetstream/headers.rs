use aiomsg::message::{Headers, MessageId};
use aiomsg::{Identity, Outbound};
use aiomsg_spool::store::{Entry, Fate, Settled, Store, Stored};
use aiomsg_spool::{Jetstream, JetstreamSettings, Spool};

use super::nats_server::Server;
use super::{open, soon, support};

fn headers() -> Headers {
    let mut headers = Headers::new();
    for (name, value) in [
        ("traceparent", "00-4bf92f3577b34da6"),
        ("spaces", "  both ends  "),
        ("quoted", "\"später\""),
        ("empty", ""),
    ] {
        headers.insert(name, value).unwrap();
    }
    headers
}

#[tokio::test]
async fn of_a_message_come_back_in_their_order() {
    let server = Server::start();
    {
        let spool = open(&server, Spool::builder()).await;
        let message = Outbound::new("job").with_headers(headers());
        spool.append(message).await.unwrap();
        spool.append("plain").await.unwrap();
        soon(spool.close()).await.unwrap();
    }
    let spool = open(&server, Spool::builder()).await;
    let producer = support::producer(&spool);
    let consumer = support::consumer(&producer).await;
    for _ in 0..2 {
        let message = soon(consumer.recv_message()).await.unwrap();
        match &message.payload()[..] {
            b"job" => assert_eq!(message.headers(), &headers()),
            _ => assert!(message.headers().is_empty()),
        }
    }
}

/// What failed is still on the server, and what was given back is, too.
#[tokio::test]
async fn count_with_their_message_until_it_has_left() {
    let server = Server::start();
    let settings = JetstreamSettings::new("jobs");
    let store = soon(Jetstream::connect(&server.url(), settings))
        .await
        .unwrap();
    let entries = (1..=2_u8).map(|n| Entry {
        id: MessageId::from_bytes([n; 16]),
        peer: Some(Identity::new("peer").unwrap()),
        headers: headers(),
        payload: "job".into(),
        at: std::time::SystemTime::now(),
    });
    let weight = (3 + headers().as_bytes().len()) as u64;
    let used = soon(store.append(entries.collect())).await.unwrap();
    assert_eq!((used.messages, used.bytes), (2, 2 * weight));

    let settle = async |stored: &Stored, fate| {
        let settled = vec![Settled {
            seq: stored.seq,
            fate,
        }];
        soon(store.settle(settled)).await.unwrap()
    };
    let next = async || soon(store.next(1)).await.unwrap().remove(0);
    for fate in [Fate::Failed, Fate::Returned] {
        let used = settle(&next().await, fate).await;
        assert_eq!((used.messages, used.bytes), (2, 2 * weight));
    }
    let dead = Fate::Dead("it failed".to_owned());
    for (left, fate) in [(1, Fate::Done), (0, dead)] {
        let used = settle(&next().await, fate).await;
        assert_eq!((used.messages, used.bytes), (left, left * weight));
    }
    soon(store.close()).await.unwrap();
}
