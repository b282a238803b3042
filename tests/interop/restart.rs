//! One end is killed and comes back; nobody tells the other.

use super::*;
use crate::our_process::OurProcess;
use aiomsg::DeliveryGuarantee;
use std::collections::BTreeSet;

/// We connect again by ourselves, and what we sent meanwhile has waited.
async fn their_end_that_binds(version: Version) {
    let socket = Socket::new().unwrap();
    let mut events = socket.events();
    let builder = Peer::builder(version);
    let mut peer = join(&socket, builder.clone(), Binds::Them).await;
    let who = only_peer(&socket);
    talk(&socket, &peer, &who).await;

    peer.kill().await;
    down(&mut events, &who).await;
    for n in 0..10 {
        socket.send(format!("while it is away {n}")).await.unwrap();
    }
    let peer = builder
        .bind(format!("127.0.0.1:{}", peer.port()))
        .start()
        .await;
    for n in 0..10 {
        let heard = heard_by(&peer, &socket).await;
        assert_eq!(heard, format!("while it is away {n}").as_bytes());
    }
    let who = only_peer(&socket);
    talk(&socket, &peer, &who).await;
}

/// Pitfall 11: a peer that died keeps its identity occupied.
async fn their_end_that_connects(version: Version) {
    let socket = Socket::new().unwrap();
    let at = address(&socket.bind(LOOPBACK).await.unwrap());
    let who = Identity::from(*b"the same as ever");
    let builder = Peer::builder(version).identity(who.as_bytes()).connect(at);
    let mut peer = builder.clone().start().await;
    connected(&socket, 1).await;
    peer.wait_for_peers(1).await;
    talk(&socket, &peer, &who).await;

    let mut events = socket.events();
    peer.kill().await;
    // It may be back before we know that it went.
    let peer = builder.start().await;
    event(&mut events, "its return", |event| match event {
        Event::PeerUp { peer } => {
            assert_eq!(peer.identity, who);
            Some(())
        }
        Event::AcceptFailed { error, .. } => panic!("it was kept out: {error}"),
        _ => None,
    })
    .await;
    peer.wait_for_peers(1).await;
    talk(&socket, &peer, &who).await;
}

/// Killed in the middle of a stream of messages: those that it had not
/// acknowledged are sent to the next one.
async fn their_end_in_the_middle_of_it(version: Version, binds: Binds) {
    const COUNT: usize = 2000;
    let socket = Socket::builder()
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        .ack_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    let builder = Peer::builder(version);
    let (mut peer, again) = match binds {
        Binds::Us => {
            let builder = builder.connect(address(&socket.bind(LOOPBACK).await.unwrap()));
            (builder.clone().start().await, builder)
        }
        Binds::Them => {
            let peer = builder.clone().bind(LOOPBACK).start().await;
            socket.connect(endpoint_of(&peer)).unwrap();
            let again = builder.bind(address(&endpoint_of(&peer)));
            (peer, again)
        }
    };
    connected(&socket, 1).await;

    let sender = tokio::spawn({
        let socket = socket.clone();
        async move {
            for n in 0..COUNT {
                socket.send(n.to_string()).await.unwrap();
                // So that there is a middle.
                sleep(Duration::from_micros(500)).await;
            }
        }
    });
    let mut heard = BTreeSet::new();
    while heard.len() < COUNT / 4 {
        heard.insert(numbered(peer.recv().await.1));
    }
    peer.kill().await;
    while let Some((_, message)) = peer.try_recv_for(PATIENCE).await {
        heard.insert(numbered(message));
    }
    assert!(heard.len() < COUNT, "it was killed too late");

    let peer = again.start().await;
    while heard.len() < COUNT {
        heard.insert(numbered(peer.recv().await.1));
    }
    assert_eq!(heard, (0..COUNT).collect());
    within("the sender", sender).await.unwrap();
    until("all acknowledgements", || {
        socket.stats().unacknowledged_messages == 0
    })
    .await;
    assert_eq!(socket.stats().dropped_messages, 0);
}

async fn our_end_that_binds(version: Version) {
    let ours = OurProcess::binds(LOOPBACK).await;
    let at = ours.address();
    let peer = Peer::builder(version).connect(&at).start().await;
    peer.wait_for_peers(1).await;
    is_echoed(&peer, b"before").await;

    ours.kill().await;
    peer.wait_for_peers(0).await;
    peer.send(b"while we are away").await;
    let _ours = OurProcess::binds(&at).await;
    let (from, echo) = peer.recv().await;
    assert_eq!(from, our_process::IDENTITY);
    assert_eq!(echo, b"while we are away");
    is_echoed(&peer, b"after").await;
}

/// We come back with the identity that the peer has just seen go.
async fn our_end_that_connects(version: Version) {
    let peer = Peer::builder(version).bind(LOOPBACK).start().await;
    let at = address(&endpoint_of(&peer));
    let ours = OurProcess::connects(&at).await;
    peer.wait_for_peers(1).await;
    is_echoed(&peer, b"before").await;

    ours.kill().await;
    peer.wait_for_peers(0).await;
    let _ours = OurProcess::connects(&at).await;
    peer.wait_for_peers(1).await;
    is_echoed(&peer, b"after").await;
}

each_version!(
    their_end_that_binds,
    their_end_that_connects,
    our_end_that_binds,
    our_end_that_connects,
);

each_version_and_role!(their_end_in_the_middle_of_it);

fn numbered(message: Vec<u8>) -> usize {
    String::from_utf8(message).unwrap().parse().unwrap()
}

async fn is_echoed(peer: &Peer, message: &[u8]) {
    peer.send(message).await;
    let (from, echo) = peer.recv().await;
    assert_eq!(from, our_process::IDENTITY);
    assert_eq!(echo, message);
}
