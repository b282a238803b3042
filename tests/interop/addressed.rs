//! Messages to a peer by its identity.

use super::*;
use aiomsg::builder::Dialects;

/// Identities that programs choose; only the dialect of 2019 lets them have
/// any length.
fn identities(version: Version) -> Vec<Identity> {
    let names: &[&[u8]] = match version {
        Version::V2019 => &[
            b"server",
            b"c1",
            b"0123456789abcdef",
            b"a name that is longer than sixteen bytes",
        ],
        Version::V2026 => &[b"0123456789abcdef", &[0; 16], &[0xff; 16]],
    };
    let identity = |name| Identity::new(name).unwrap();
    names.iter().copied().map(identity).collect()
}

async fn to_the_peer_that_is_named(version: Version, binds: Binds) {
    let socket = Socket::new().unwrap();
    let mut peers = Vec::new();
    for name in identities(version) {
        let builder = Peer::builder(version).identity(name.as_bytes());
        peers.push((name, join(&socket, builder, binds).await));
    }
    for (name, peer) in &peers {
        talk(&socket, peer, name).await;
    }
    // By the identity that a message came with, as a server answers.
    for (name, peer) in &peers {
        peer.send(b"who am i?").await;
        let (from, message) = recv_from(&socket).await;
        assert_eq!(message, "who am i?");
        assert_eq!(from, *name);
        socket.send_to(from, name.to_string()).await.unwrap();
        let answer = heard_by(peer, &socket).await;
        assert_eq!(answer, name.to_string().as_bytes());
    }
}

/// Pitfall 18: a message that waits for one peer is dropped because another
/// one connected first.
async fn waits_for_the_peer_that_is_named(version: Version, binds: Binds) {
    let socket = Socket::new().unwrap();
    let names = identities(version);
    for n in 0..3 {
        let message = format!("for you {n}");
        socket.send_to(names[0].clone(), message).await.unwrap();
    }
    let builder = Peer::builder(version);
    let other = builder.clone().identity(names[1].as_bytes());
    let other = join(&socket, other, binds).await;
    let peer = builder.identity(names[0].as_bytes());
    let peer = join(&socket, peer, binds).await;
    for n in 0..3 {
        let message = heard_by(&peer, &socket).await;
        assert_eq!(message, format!("for you {n}").as_bytes());
    }
    // The other one got nothing before this.
    talk(&socket, &other, &names[1]).await;
}

/// They answer each of us.
async fn to_the_one_of_us_that_asked(version: Version, binds: Binds) {
    let ours = [Socket::new().unwrap(), Socket::new().unwrap()];
    let builder = Peer::builder(version);
    let peer = match binds {
        Binds::Us => {
            let mut builder = builder;
            for socket in &ours {
                builder = builder.connect(address(&socket.bind(LOOPBACK).await.unwrap()));
            }
            builder.start().await
        }
        Binds::Them => {
            let peer = builder.bind(LOOPBACK).start().await;
            for socket in &ours {
                socket.connect(endpoint_of(&peer)).unwrap();
            }
            peer
        }
    };
    peer.wait_for_peers(2).await;
    peer.echo().await;
    for n in 0..20 {
        for socket in &ours {
            let question = format!("{n} from {}", socket.identity());
            socket.send(question).await.unwrap();
        }
    }
    for socket in &ours {
        for n in 0..20 {
            let question = format!("{n} from {}", socket.identity());
            assert_eq!(recv(socket).await, question);
        }
    }
}

each_version_and_role!(
    to_the_peer_that_is_named,
    waits_for_the_peer_that_is_named,
    to_the_one_of_us_that_asked,
);

/// We, too, can have a name of any length among peers of 2019.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_our_own_short_name() {
    let socket = Socket::builder()
        .identity(Identity::new("server").unwrap())
        .dialects(Dialects::Only(Dialect::V2019))
        .build()
        .unwrap();
    let mut peers = Vec::new();
    for binds in [Binds::Us, Binds::Them] {
        let name = Identity::new(format!("client, {binds:?}")).unwrap();
        let builder = Peer::builder(Version::V2019).identity(name.as_bytes());
        let peer = join(&socket, builder, binds).await;
        talk(&socket, &peer, &name).await;
        peer.send_to(b"server", b"to the server").await;
        assert_eq!(recv(&socket).await, "to the server");
        peers.push(peer);
    }
}
