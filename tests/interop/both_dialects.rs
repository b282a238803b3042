//! One socket, peers of both versions at the same time.

use super::*;

const VERSIONS: [Version; 2] = [Version::V2019, Version::V2026];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_one_port() {
    let socket = publisher();
    let at = address(&socket.bind(LOOPBACK).await.unwrap());
    let mut peers = Vec::new();
    for version in VERSIONS {
        peers.push(Peer::builder(version).connect(&at).start().await);
    }
    connected(&socket, 2).await;
    speak_with_both(&socket, &peers).await;

    // One publish reaches both.
    for n in 0..10 {
        socket.send(format!("to all {n}")).await.unwrap();
    }
    for n in 0..10 {
        for peer in &peers {
            let heard = heard_by(peer, &socket).await;
            assert_eq!(heard, format!("to all {n}").as_bytes());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connected_to_both() {
    let socket = Socket::new().unwrap();
    let mut peers = Vec::new();
    for version in VERSIONS {
        let peer = Peer::builder(version).bind(LOOPBACK).start().await;
        socket.connect(endpoint_of(&peer)).unwrap();
        peers.push(peer);
    }
    connected(&socket, 2).await;
    speak_with_both(&socket, &peers).await;

    // Round robin takes turns between the two.
    for n in 0..20 {
        socket.send(n.to_string()).await.unwrap();
    }
    let mut heard = Vec::new();
    for peer in &peers {
        for _ in 0..10 {
            let message = String::from_utf8(heard_by(peer, &socket).await).unwrap();
            heard.push(message.parse::<usize>().unwrap());
        }
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..20).collect::<Vec<_>>());
}

/// Both are known in their dialects, both send, and each gets its own answer.
async fn speak_with_both(socket: &Socket, peers: &[Peer]) {
    let mut dialects: Vec<_> = socket.peers().iter().map(|peer| peer.dialect).collect();
    dialects.sort_by_key(|dialect| *dialect == Dialect::V1);
    assert_eq!(dialects, [Dialect::V2019, Dialect::V1]);
    for (peer, version) in peers.iter().zip(VERSIONS) {
        peer.wait_for_peers(1).await;
        peer.send_many(10, &format!("i am {version:?}, ")).await;
    }
    for _ in 0..20 {
        let (from, message) = recv_from(socket).await;
        let answer = [b"you say: ", &message[..]].concat();
        socket.send_to(from, answer).await.unwrap();
    }
    for (peer, version) in peers.iter().zip(VERSIONS) {
        for n in 0..10 {
            let answer = heard_by(peer, socket).await;
            assert_eq!(answer, format!("you say: i am {version:?}, {n}").as_bytes());
        }
    }
}
