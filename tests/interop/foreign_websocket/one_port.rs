//! Peers of all kinds, and what is no peer, on a port and on its counterpart with TLS.

use super::*;
use aiomsg::builder::Dialects;
use aiomsg::layer::Io;
use aiomsg::parts::transport::Connector;
use aiomsg::{Endpoint, SendMode};
use tokio::io::AsyncWriteExt;
use tower::ServiceExt;

const NEWS: usize = 10;

/// Connections of strangers: so many while the peers connect, and with each of the news.
const BEFORE: usize = 100;
const WITH_EACH: usize = 10;

/// Any of the peers.
enum Reader {
    Ours(Socket),
    Library(Peer),
    Foreign(WebSocketPeer),
}

/// Where the publisher listens.
struct Ports {
    certificates: Certificates,
    plain: Endpoint,
    tls: Endpoint,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_publish_reaches_peers_of_every_kind_once_while_garbage_comes() {
    let certificates = Certificates::new();
    let board = Socket::builder()
        .send_mode(SendMode::Publish)
        .tls(certificates.ours.clone())
        .websocket(WebSocketGuard::new())
        .build()
        .unwrap();
    let ports = Ports {
        certificates,
        plain: board.bind(LOOPBACK).await.unwrap(),
        tls: board.bind(tls::TLS_LOOPBACK).await.unwrap(),
    };
    // They stay until the end.
    let mut strangers = Vec::new();
    let (readers, ()) = tokio::join!(ports.readers(), async {
        for at in 0..BEFORE {
            strangers.push(ports.stranger(at).await);
        }
    });
    assert_eq!(readers.len(), 12);
    connected(&board, readers.len()).await;
    for n in 0..NEWS {
        for at in 0..WITH_EACH {
            strangers.push(ports.stranger(n * WITH_EACH + at).await);
        }
        board.send(format!("news {n}")).await.unwrap();
    }
    // A copy that came twice would come before what was sent later.
    board.send("the end").await.unwrap();
    for (at, reader) in readers.iter().enumerate() {
        for n in 0..NEWS {
            assert_eq!(reader.recv().await, format!("news {n}").as_bytes(), "{at}");
        }
        assert_eq!(reader.recv().await, b"the end", "{at}");
        reader.send(&[at as u8]).await;
    }
    let mut answers = Vec::new();
    for _ in &readers {
        answers.push(recv(&board).await[0]);
    }
    answers.sort_unstable();
    assert!(
        answers
            .iter()
            .map(|&at| usize::from(at))
            .eq(0..readers.len())
    );
    assert_eq!(strangers.len(), 200);
    // Nobody has connected twice, and no stranger has come in.
    let stats = board.stats();
    assert_eq!((stats.peers, stats.connections), (12, 12));
}

// ===== impl Ports =====

impl Ports {
    /// A peer of each kind.
    async fn readers(&self) -> Vec<Reader> {
        let mut readers = Vec::new();
        for (endpoint, scheme, tls) in [(&self.plain, "ws", false), (&self.tls, "wss", true)] {
            let url = format!("{scheme}://{}/", address(endpoint));
            for (target, dialect) in [
                (endpoint.to_string(), Dialect::V1),
                (endpoint.to_string(), Dialect::V2019),
                (url.clone(), Dialect::V1),
            ] {
                let socket = Socket::builder()
                    .dialects(Dialects::Only(dialect))
                    .tls(self.certificates.ours.clone())
                    .build()
                    .unwrap();
                socket.connect(target).unwrap();
                readers.push(Reader::Ours(socket));
            }
            for version in [Version::V2019, Version::V2026] {
                let mut peer = Peer::builder(version).connect(address(endpoint));
                if tls {
                    peer = peer.tls(self.certificates.theirs.clone());
                }
                readers.push(Reader::Library(peer.start().await));
            }
            let mut peer = WebSocketPeer::builder();
            if tls {
                peer = peer.tls(self.certificates.theirs.clone());
            }
            let peer = peer.connect(&url).await;
            peer.up().await;
            readers.push(Reader::Foreign(peer));
        }
        readers
    }

    /// A connection on either port that is no peer's. The port with TLS gets bytes within
    /// TLS and without it.
    async fn stranger(&self, at: usize) -> Io {
        const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let endpoint = match at % 3 {
            0 => self.plain.clone(),
            1 => Endpoint::tcp("127.0.0.1", self.tls.port().unwrap()),
            _ => self.tls.clone(),
        };
        let connector = Connector::new().tls(self.certificates.ours.clone());
        let connecting = within("a stranger", connector.oneshot(endpoint));
        let mut stranger = connecting.await.unwrap();
        let said = match at % 10 {
            0 => b"garbage".to_vec(),
            1 => b"\xff\xff\xff\xff".to_vec(),
            2 => b"\x16\x03\x01\x02\0\x01\0\x01\xfc".to_vec(),
            3 => b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            4 => UPGRADE.as_bytes()[..50].to_vec(),
            5 => UPGRADE.into(),
            // No mask, a text, and an aiomsg handshake that is none.
            6 => [UPGRADE.as_bytes(), b"\x82\x01a"].concat(),
            7 => [UPGRADE.as_bytes(), b"\x81\x81\0\0\0\0a"].concat(),
            8 => [UPGRADE.as_bytes(), b"\x82\x84\0\0\0\0\xff\xff\xff\xff"].concat(),
            // It never says anything.
            _ => Vec::new(),
        };
        // It may have been refused in the middle of this.
        let _ = stranger.write_all(&said).await;
        let _ = stranger.flush().await;
        stranger
    }
}

// ===== impl Reader =====

impl Reader {
    async fn recv(&self) -> Vec<u8> {
        match self {
            Self::Ours(socket) => recv(socket).await.into(),
            Self::Library(peer) => peer.recv().await.1,
            Self::Foreign(peer) => peer.recv().await.data,
        }
    }

    async fn send(&self, message: &[u8]) {
        match self {
            Self::Ours(socket) => socket.send(message.to_vec()).await.unwrap(),
            Self::Library(peer) => peer.send(message).await,
            Self::Foreign(peer) => peer.send(message, None).await,
        }
    }
}
