//! What comes to a bound socket and is no peer, beside one that is.

use super::*;
use aiomsg::peer::RemoteAddr;
use aiomsg::{Error, ErrorKind};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

async fn do_not_disturb_a_peer(version: Version) {
    let socket = Socket::builder()
        // Short, for the sake of the silent one. The good peer is in by then.
        .handshake_timeout(Duration::from_secs(3))
        .build()
        .unwrap();
    let endpoint = socket.bind(LOOPBACK).await.unwrap();
    let peer = Peer::builder(version)
        .connect(address(&endpoint))
        .start()
        .await;
    connected(&socket, 1).await;
    peer.wait_for_peers(1).await;
    peer.echo().await;
    let who = only_peer(&socket);
    let mut events = socket.events();
    // The peer is kept busy all the time.
    let traffic = Traffic::start(&socket, &who);

    // Its refusal comes while others are waited for.
    let mut events_of_silent = socket.events();
    let silent = TcpStream::connect(address(&endpoint)).await.unwrap();
    for (bytes, kind, word) in [
        (
            &b"garbage, and more of it"[..],
            ErrorKind::Protocol,
            "not those of an aiomsg peer",
        ),
        (b"\xff\xff\xff\xff", ErrorKind::Protocol, "not those of"),
        (b"\0\x10\0\0", ErrorKind::TooLarge, "at most 255"),
        // The beginning of a TLS client's first record.
        (
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc",
            ErrorKind::Protocol,
            "tls",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", ErrorKind::Protocol, "http"),
        // A v1 peer of a version to come.
        (b"\0\0\0\x12\x01\x09", ErrorKind::Version, "version 9"),
    ] {
        let mut stranger = TcpStream::connect(address(&endpoint)).await.unwrap();
        stranger.write_all(bytes).await.unwrap();
        let error = refused(&mut events, &stranger).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.endpoint(), Some(&endpoint));
        traffic.goes_on().await;
    }

    // One that says who it is, in the dialect of 2019, and then announces a
    // message of 2 GiB.
    let mut stranger = TcpStream::connect(address(&endpoint)).await.unwrap();
    let bytes = b"\0\0\0\x08stranger\x80\0\0\0";
    stranger.write_all(bytes).await.unwrap();
    let reason = event(&mut events, "its end", |event| match event {
        Event::PeerDown { peer, reason } => {
            assert_eq!(peer.identity.as_bytes(), b"stranger");
            Some(reason)
        }
        _ => None,
    })
    .await;
    assert!(reason.is_too_large(), "{reason}");
    traffic.goes_on().await;

    let error = refused(&mut events_of_silent, &silent).await;
    assert!(error.is_timeout(), "{error}");
    traffic.goes_on().await;

    traffic.stop().await;
    // One connection of the peer's from the beginning to the end, and that of
    // the stranger that said who it was.
    assert_eq!(socket.stats().connections, 2);
    assert_eq!(socket.stats().failed_connections, 7);
}

each_version!(do_not_disturb_a_peer);

/// The refusal of this connection.
async fn refused(events: &mut Events, stranger: &TcpStream) -> Arc<Error> {
    let from = stranger.local_addr().unwrap();
    event(events, "the refusal", |event| match event {
        Event::AcceptFailed {
            remote: Some(RemoteAddr::Inet(remote)),
            error,
            ..
        } if remote == from => Some(error),
        _ => None,
    })
    .await
}

/// Messages that a peer echoes, one after the other, without end.
struct Traffic {
    echoes: tokio::sync::watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Traffic {
    fn start(socket: &Socket, peer: &Identity) -> Self {
        let (socket, peer) = (socket.clone(), peer.clone());
        let (count, echoes) = tokio::sync::watch::channel(0);
        let task = tokio::spawn(async move {
            for n in 0_u64.. {
                socket.send_to(peer.clone(), n.to_string()).await.unwrap();
                assert_eq!(recv(&socket).await, n.to_string());
                if count.send(n).is_err() {
                    return;
                }
            }
        });
        Self { echoes, task }
    }

    /// Waits for echoes of messages that were sent from now on.
    async fn goes_on(&self) {
        let mut echoes = self.echoes.clone();
        let now = *echoes.borrow();
        within("the echoes", echoes.wait_for(|count| *count >= now + 3))
            .await
            .unwrap();
    }

    async fn stop(self) {
        drop(self.echoes);
        within("the last echo", self.task).await.unwrap();
    }
}
