//! Publish and round robin among several peers.

use super::*;
use crate::support::python::SendMode as TheirMode;

const PEERS: usize = 3;
const EACH: usize = 20;

async fn everybody_publishes(version: Version, binds: Binds) {
    let builder = Peer::builder(version).send_mode(TheirMode::Publish);
    let (ours, theirs) = many(builder, publisher, binds).await;
    for (who, socket) in ours.iter().enumerate() {
        for n in 0..EACH {
            socket.send(format!("our {who}: {n}")).await.unwrap();
        }
    }
    for (who, peer) in theirs.iter().enumerate() {
        peer.send_many(EACH, &format!("their {who}: ")).await;
    }

    // Everyone gets everything of everyone at the other end, in order.
    for peer in &theirs {
        let mut heard = Vec::new();
        for _ in 0..EACH * ours.len() {
            heard.push(String::from_utf8(peer.recv().await.1).unwrap());
        }
        assert_all_in_order(&heard, "our", ours.len());
    }
    for socket in &ours {
        let mut heard = Vec::new();
        for _ in 0..EACH * theirs.len() {
            heard.push(String::from_utf8(recv(socket).await.into()).unwrap());
        }
        assert_all_in_order(&heard, "their", theirs.len());
    }
}

/// The end that has several peers gives each the same share.
async fn round_robin_is_even(version: Version, binds: Binds) {
    let builder = Peer::builder(version).send_mode(TheirMode::RoundRobin);
    let (ours, theirs) = many(builder, || Socket::new().unwrap(), binds).await;
    match binds {
        Binds::Us => {
            for n in 0..EACH * PEERS {
                ours[0].send(n.to_string()).await.unwrap();
            }
        }
        Binds::Them => theirs[0].send_many(EACH * PEERS, "").await,
    }

    let mut shares = Vec::new();
    for place in 0..PEERS {
        let mut share = Vec::new();
        for _ in 0..EACH {
            let message = match binds {
                Binds::Us => theirs[place].recv().await.1.into(),
                Binds::Them => recv(&ours[place]).await,
            };
            let message = String::from_utf8(message.into()).unwrap();
            share.push(message.parse::<usize>().unwrap());
        }
        // One after the other: each peer's messages are so far apart.
        assert!(
            share.windows(2).all(|pair| pair[1] == pair[0] + PEERS),
            "{share:?}"
        );
        shares.push(share[0]);
    }
    shares.sort_unstable();
    assert_eq!(shares, [0, 1, 2]);
}

each_version_and_role!(everybody_publishes, round_robin_is_even);

/// One that binds, and several at the other end that connect to it.
async fn many(
    builder: PeerBuilder,
    socket: impl Fn() -> Socket,
    binds: Binds,
) -> (Vec<Socket>, Vec<Peer>) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    match binds {
        Binds::Us => {
            let socket = socket();
            let at = address(&socket.bind(LOOPBACK).await.unwrap());
            for _ in 0..PEERS {
                theirs.push(builder.clone().connect(&at).start().await);
            }
            ours.push(socket);
        }
        Binds::Them => {
            let peer = builder.bind(LOOPBACK).start().await;
            for _ in 0..PEERS {
                let socket = socket();
                socket.connect(endpoint_of(&peer)).unwrap();
                ours.push(socket);
            }
            theirs.push(peer);
        }
    }
    for socket in &ours {
        connected(socket, theirs.len()).await;
    }
    for peer in &theirs {
        peer.wait_for_peers(ours.len()).await;
    }
    (ours, theirs)
}

/// `side 0: 0`, `side 0: 1` and so on, for each of these senders in order,
/// however those are mixed.
fn assert_all_in_order(heard: &[String], side: &str, senders: usize) {
    for who in 0..senders {
        let prefix = format!("{side} {who}: ");
        let numbers: Vec<usize> = heard
            .iter()
            .filter_map(|message| message.strip_prefix(&prefix))
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(numbers, (0..EACH).collect::<Vec<_>>(), "{heard:?}");
    }
}
