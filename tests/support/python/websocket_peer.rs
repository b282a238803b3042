//! A foreign peer that a test drives.

use std::ffi::OsString;

use serde_json::json;

use super::environment::Package;
use super::event::{Event, encode, take};
use super::mutual_tls::Tls;
use super::process::Process;

/// A running `websocket_peer.py`: one connection, and the protocol by hand over it.
///
/// It is killed when it is dropped.
#[derive(Debug)]
pub struct WebSocketPeer {
    process: Process,
}

/// What a [`WebSocketPeer`] is to be.
#[derive(Debug, Clone, Default)]
#[must_use = "a peer runs once it is started"]
pub struct WebSocketPeerBuilder {
    args: Vec<OsString>,
}

/// How the bytes of a message are spread over WebSocket messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// In one.
    One,
    /// In many of some 1,000 bytes.
    Small,
    /// In one of many fragments, with pings between them.
    Fragments,
}

/// A message that the peer received.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    pub data: Vec<u8>,
    /// To be acknowledged.
    pub id: Option<Vec<u8>>,
}

// ===== impl WebSocketPeer =====

impl WebSocketPeer {
    pub fn builder() -> WebSocketPeerBuilder {
        WebSocketPeerBuilder::default()
    }

    /// Waits for the connection, and returns the identity of the other end.
    ///
    /// # Panics
    ///
    /// As [`WebSocketPeer::recv`], or if extensions of WebSocket are in use. The
    /// library offers one as a client.
    pub async fn up(&self) -> Vec<u8> {
        let up = self.next("a connection", "up").await;
        assert_eq!(up.0["extensions"], "");
        up.bytes("identity")
    }

    /// Sends a message, which with an id wants an acknowledgement.
    pub async fn send(&self, data: &[u8], id: Option<&[u8; 16]>) {
        let id = id.map(|id| encode(id));
        self.command(json!({"op": "send", "data": encode(data), "id": id}))
            .await;
    }

    /// Acknowledges a message.
    pub async fn ack(&self, id: &[u8]) {
        self.command(json!({"op": "ack", "id": encode(id)})).await;
    }

    /// From now on, the peer sends each message back, in this shape.
    pub async fn echo(&self, shape: Shape) {
        let shape = match shape {
            Shape::One => "one",
            Shape::Small => "small",
            Shape::Fragments => "fragments",
        };
        self.command(json!({"op": "echo", "shape": shape})).await;
    }

    /// Sends a ping, and waits for the pong.
    pub async fn ping(&self) {
        self.command(json!({"op": "ping"})).await;
        self.next("the pong", "pong").await;
    }

    /// Sends a close frame with 1000. What follows shows in [`WebSocketPeer::down`].
    pub async fn close(&self) {
        self.command(json!({"op": "close"})).await;
    }

    /// The next message.
    ///
    /// # Panics
    ///
    /// If none comes within 20 seconds, or if the peer has ended.
    pub async fn recv(&self) -> Heard {
        let event = self.next("a message", "recv").await;
        Heard {
            data: event.bytes("data"),
            id: (!event.0["id"].is_null()).then(|| event.bytes("id")),
        }
    }

    /// The size of the next message that was echoed, and in how many WebSocket
    /// messages it came.
    pub async fn echoed(&self) -> (u64, u64) {
        let event = self.next("an echo", "echoed").await;
        let number = |field: &str| event.0[field].as_u64().expect("a number");
        (number("size"), number("messages"))
    }

    /// The id of the next acknowledgement.
    pub async fn acked(&self) -> Vec<u8> {
        self.next("an acknowledgement", "ack").await.bytes("id")
    }

    /// The next heartbeat.
    pub async fn heartbeat(&self) {
        self.next("a heartbeat", "heartbeat").await;
    }

    /// Waits until the connection has ended, that of TCP too, and the program with it.
    /// Returns the codes of the close frames, as the peer has sent and read them.
    pub async fn down(&mut self) -> (Option<u64>, Option<u64>) {
        let event = self.next("the end of the connection", "down").await;
        self.process.end().await;
        (event.0["sent"].as_u64(), event.0["received"].as_u64())
    }

    async fn command(&self, command: serde_json::Value) {
        self.process.command(&command).await;
    }

    async fn next(&self, what: &str, kind: &str) -> Event {
        self.process.expect(what, |events| take(events, kind)).await
    }
}

// ===== impl WebSocketPeerBuilder =====

impl WebSocketPeerBuilder {
    /// Uses mutual TLS.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.args.extend(tls.args());
        self
    }

    /// Sends no heartbeats, but pings all the time.
    pub fn without_heartbeats(mut self) -> Self {
        self.args.push("--no-heartbeats".into());
        self
    }

    /// Starts a peer that connects to a `ws://` or `wss://` URL.
    pub async fn connect(self, url: &str) -> WebSocketPeer {
        let process = self.start("--connect", url).await;
        WebSocketPeer { process }
    }

    /// Starts a peer that binds, and returns it with its port.
    pub async fn bind(self) -> (WebSocketPeer, u16) {
        let process = self.start("--bind", "127.0.0.1:0").await;
        let port = process.port().await;
        (WebSocketPeer { process }, port)
    }

    async fn start(mut self, option: &str, value: &str) -> Process {
        self.args.extend([option.into(), value.into()]);
        Process::start(Package::WebSockets, "websocket_peer.py", &self.args).await
    }
}
