//! At-least-once; at-most-once is what all the other tests use.

use super::*;
use crate::support::python::Guarantee;
use aiomsg::DeliveryGuarantee;
use std::collections::BTreeSet;

const COUNT: usize = 200;

fn at_least_once() -> Socket {
    Socket::builder()
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        .build()
        .unwrap()
}

async fn they_acknowledge_ours(version: Version, binds: Binds) {
    let socket = at_least_once();
    let peer = join(&socket, Peer::builder(version), binds).await;
    for n in 0..COUNT {
        socket.send(n.to_string()).await.unwrap();
    }
    for n in 0..COUNT {
        assert_eq!(heard_by(&peer, &socket).await, n.to_string().as_bytes());
    }
    until("all acknowledgements", || {
        socket.stats().unacknowledged_messages == 0
    })
    .await;
    // Nothing came a second time, nor can it any more; and by identity it is
    // the same.
    let who = only_peer(&socket);
    talk(&socket, &peer, &who).await;
    until("the last acknowledgement", || {
        socket.stats().unacknowledged_messages == 0
    })
    .await;
    assert!(within("close", socket.close(PATIENCE)).await.is_clean());
}

/// They send again after 5 s what was not acknowledged, as a new message.
async fn we_acknowledge_theirs(version: Version) {
    let socket = Socket::new().unwrap();
    let builder = Peer::builder(version).guarantee(Guarantee::AtLeastOnce);
    let one = join(&socket, builder.clone(), Binds::Them).await;
    let two = join(&socket, builder, Binds::Us).await;
    one.send_many(COUNT, "one-").await;
    two.send_many(COUNT, "two-").await;
    let mut heard = Vec::new();
    for _ in 0..2 * COUNT {
        heard.push(String::from_utf8(recv(&socket).await.into()).unwrap());
    }
    for prefix in ["one-", "two-"] {
        let numbers = heard.iter().filter_map(|m| m.strip_prefix(prefix));
        let numbers: Vec<usize> = numbers.map(|n| n.parse().unwrap()).collect();
        assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>());
    }
    let again = timeout(Duration::from_millis(6500), socket.recv()).await;
    assert!(again.is_err(), "sent again: {again:?}");
}

/// Both ends at once: messages and acknowledgements of both in one stream.
async fn both_at_once(version: Version, binds: Binds) {
    let socket = at_least_once();
    let builder = Peer::builder(version).guarantee(Guarantee::AtLeastOnce);
    let peer = join(&socket, builder, binds).await;
    peer.echo().await;
    for n in 0..COUNT {
        socket.send(n.to_string()).await.unwrap();
    }
    let mut heard = BTreeSet::new();
    for _ in 0..COUNT {
        let message = String::from_utf8(recv(&socket).await.into()).unwrap();
        assert!(heard.insert(message.parse::<usize>().unwrap()), "{message}");
    }
    assert_eq!(heard, (0..COUNT).collect());
    until("all acknowledgements", || {
        socket.stats().unacknowledged_messages == 0
    })
    .await;
}

each_version_and_role!(they_acknowledge_ours, both_at_once);
each_version!(we_acknowledge_theirs);
