//! WebSocket with a program that knows nothing of aiomsg: the Python package
//! `websockets`, and the protocol by hand over its messages.

mod messages;
mod one_port;

use super::*;
use crate::support::python::{Tls, WebSocketPeer, WebSocketPeerBuilder, certificate};
use aiomsg::websocket::WebSocketGuard;
use aiomsg::{SocketBuilder, TlsConfig};
use tempfile::TempDir;

/// How the two meet.
#[derive(Debug, Clone, Copy)]
struct Way {
    binds: Binds,
    tls: bool,
}

const ALL_WAYS: [Way; 4] = [
    Way::new(Binds::Us, false),
    Way::new(Binds::Us, true),
    Way::new(Binds::Them, false),
    Way::new(Binds::Them, true),
];

/// A test of each way: `name::their_client` and so on call `name(way)`.
macro_rules! each_way {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::Binds;
            use crate::foreign_websocket::Way;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn their_client() {
                super::$name(Way::new(Binds::Us, false)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn their_client_over_tls() {
                super::$name(Way::new(Binds::Us, true)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn their_server() {
                super::$name(Way::new(Binds::Them, false)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn their_server_over_tls() {
                super::$name(Way::new(Binds::Them, true)).await;
            }
        }
    )+};
}
use each_way;

/// One certificate, which both ends present and trust.
struct Certificates {
    _directory: TempDir,
    ours: TlsConfig,
    theirs: Tls,
}

// ===== impl Way =====

impl Way {
    const fn new(binds: Binds, tls: bool) -> Self {
        Self { binds, tls }
    }

    /// Has a peer and a socket meet. Returns when both know it.
    async fn join(
        self,
        certificates: &Certificates,
        socket: SocketBuilder,
        mut peer: WebSocketPeerBuilder,
    ) -> (Socket, WebSocketPeer) {
        let socket = socket.websocket(WebSocketGuard::new());
        let socket = socket.tls(certificates.ours.clone()).build().unwrap();
        if self.tls {
            peer = peer.tls(certificates.theirs.clone());
        }
        let scheme = if self.tls { "wss" } else { "ws" };
        let peer = match self.binds {
            Binds::Us => {
                let at = if self.tls {
                    tls::TLS_LOOPBACK
                } else {
                    LOOPBACK
                };
                let at = address(&socket.bind(at).await.unwrap());
                peer.connect(&format!("{scheme}://{at}/")).await
            }
            Binds::Them => {
                let (peer, port) = peer.bind().await;
                let url = format!("{scheme}://127.0.0.1:{port}/any/path");
                socket.connect(url).unwrap();
                peer
            }
        };
        assert_eq!(peer.up().await, socket.identity().as_bytes());
        connected(&socket, 1).await;
        assert_eq!(socket.peers()[0].dialect, Dialect::V1);
        (socket, peer)
    }
}

// ===== impl Certificates =====

impl Certificates {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let both = certificate(directory.path(), "both");
        let ours = TlsConfig::builder()
            .certificate_files(&both.cert, &both.key)
            .trust_file(&both.cert)
            .build()
            .unwrap();
        Self {
            theirs: tls::peer_tls(&both, &both),
            ours,
            _directory: directory,
        }
    }
}

/// A message each way: all is well between the two.
async fn talk(socket: &Socket, peer: &WebSocketPeer) {
    socket.send("ours").await.unwrap();
    assert_eq!(peer.recv().await.data, b"ours");
    peer.send(b"theirs", None).await;
    assert_eq!(recv(socket).await, "theirs");
}
