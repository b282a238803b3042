//! A Python socket that a test drives.

use std::ffi::OsString;
use std::fmt::Display;
use std::time::Duration;

use serde_json::json;

use super::environment::Version;
use super::event::{encode, take};
use super::mutual_tls::Tls;
use super::process::Process;

/// A running Python peer.
///
/// It is killed when it is dropped.
#[derive(Debug)]
pub struct Peer {
    process: Process,
    port: u16,
}

/// What a [`Peer`] is to be.
#[derive(Debug, Clone)]
#[must_use = "a peer runs once it is started"]
pub struct PeerBuilder {
    version: Version,
    args: Vec<OsString>,
}

/// How the peer chooses the receiver of a message that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendMode {
    /// Every connection gets it.
    Publish,
    /// One connection gets it, each in its turn. The library's default.
    RoundRobin,
}

/// What the peer promises about the messages that it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// Nothing. The library's default.
    AtMostOnce,
    /// It sends again what is not acknowledged. Without effect on messages
    /// that are published.
    AtLeastOnce,
}

// ===== impl Peer =====

impl Peer {
    /// Starts the description of a peer, which must be told where to
    /// [bind](PeerBuilder::bind) or to [connect](PeerBuilder::connect).
    pub fn builder(version: Version) -> PeerBuilder {
        PeerBuilder {
            version,
            args: Vec::new(),
        }
    }

    /// The port that the peer is bound to, or (the first) that it connects to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends a message by the peer's send mode.
    ///
    /// Returns when the command is written. The peer sends when it has a
    /// connection, and not before; there is nothing that tells.
    pub async fn send(&self, data: &[u8]) {
        self.process
            .command(&json!({"op": "send", "data": encode(data)}))
            .await;
    }

    /// Sends a message to the peer with this identity, which must be connected:
    /// the library drops the message otherwise, and only logs that.
    pub async fn send_to(&self, identity: &[u8], data: &[u8]) {
        self.process
            .command(&json!({"op": "send", "data": encode(data), "to": encode(identity)}))
            .await;
    }

    /// Sends the messages `prefix0`, `prefix1` and so on, by the send mode.
    pub async fn send_many(&self, count: usize, prefix: &str) {
        self.process
            .command(&json!({"op": "send_many", "count": count, "prefix": prefix}))
            .await;
    }

    /// From now on, the peer sends each message back to where it came from.
    pub async fn echo(&self) {
        self.process.command(&json!({"op": "echo"})).await;
    }

    /// From now on, the peer sends each message on by its send mode.
    pub async fn relay(&self) {
        self.process.command(&json!({"op": "relay"})).await;
    }

    /// From now on, the peer counts messages and does not tell of each.
    pub async fn count(&self) {
        self.process.command(&json!({"op": "count"})).await;
    }

    /// How many messages it has counted.
    pub async fn counted(&self) -> usize {
        self.process.command(&json!({"op": "tell"})).await;
        let event = self
            .process
            .expect("the count", |events| take(events, "count"))
            .await;
        let count = event.0["count"].as_u64().expect("\"count\" is a number");
        count.try_into().expect("a count that fits")
    }

    /// Has the peer do nothing at all for so long, as a program that is busy.
    /// Returns when that begins.
    pub async fn stall(&self, time: Duration) {
        self.process
            .command(&json!({"op": "stall", "seconds": time.as_secs_f64()}))
            .await;
        self.process
            .expect("the stall", |events| take(events, "stalled"))
            .await;
    }

    /// The next message that the peer received: the sender's identity and the
    /// payload.
    ///
    /// # Panics
    ///
    /// If none comes within 20 seconds, or if the peer has ended.
    pub async fn recv(&self) -> (Vec<u8>, Vec<u8>) {
        self.process
            .expect("a message received", |events| take(events, "recv"))
            .await
            .message()
    }

    /// Like [`Peer::recv`], but returns `None` if there is no message within
    /// `patience`, or if the peer has ended and every message has been taken.
    pub async fn try_recv_for(&self, patience: Duration) -> Option<(Vec<u8>, Vec<u8>)> {
        self.process
            .find(patience, |events| take(events, "recv"))
            .await
            .map(|event| event.message())
    }

    /// Waits until the peer has exactly `count` connections.
    ///
    /// The peer looks every 20 ms: a connection that goes and comes back faster
    /// does not show.
    ///
    /// # Panics
    ///
    /// If that takes more than 20 seconds, or if the peer has ended.
    pub async fn wait_for_peers(&self, count: usize) {
        self.process
            .expect(&format!("{count} connected peers"), |events| {
                let now = events
                    .iter()
                    .rev()
                    .find(|event| event["event"] == "peers")
                    .map_or(0, |event| {
                        event["count"].as_u64().expect("\"count\" is a number")
                    });
                (now == count as u64).then_some(())
            })
            .await;
    }

    /// Kills the peer (`SIGKILL`) and waits until it is dead.
    ///
    /// What it had received can still be taken with [`Peer::recv`].
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Closes the peer's socket and waits until its process has ended.
    ///
    /// Takes a moment as a rule, and 10 to 12 seconds when the library hangs in
    /// its own `close()`, as it can when a frame arrives just then. Use
    /// [`Peer::kill`] where the manner of its end does not matter.
    ///
    /// The library drops messages that it has not sent by then, so a test waits
    /// for their arrival first. What the peer had received can still be taken
    /// with [`Peer::recv`].
    ///
    /// # Panics
    ///
    /// If that takes too long, or if the peer ends with an error.
    pub async fn close(&mut self) {
        self.process.command(&json!({"op": "close"})).await;
        self.process.end().await;
    }

    /// What the peer wrote to its standard error so far: the library's log,
    /// from warnings up.
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }
}

// ===== impl PeerBuilder =====

impl PeerBuilder {
    /// Binds to `host:port`. With port 0, [`Peer::port`] tells the real one.
    pub fn bind(self, address: impl Display) -> Self {
        self.arg("--bind").arg(address.to_string())
    }

    /// Connects to `host:port`. Can be called again for further addresses.
    pub fn connect(self, address: impl Display) -> Self {
        self.arg("--connect").arg(address.to_string())
    }

    /// Sets how the peer chooses receivers; round-robin if not set.
    pub fn send_mode(self, mode: SendMode) -> Self {
        self.arg("--send-mode").arg(match mode {
            SendMode::Publish => "publish",
            SendMode::RoundRobin => "roundrobin",
        })
    }

    /// Sets the delivery guarantee; at-most-once if not set.
    pub fn guarantee(self, guarantee: Guarantee) -> Self {
        self.arg("--guarantee").arg(match guarantee {
            Guarantee::AtMostOnce => "at-most-once",
            Guarantee::AtLeastOnce => "at-least-once",
        })
    }

    /// Sets the peer's identity; a random one if not set.
    ///
    /// Neither version of the library checks its length.
    pub fn identity(self, identity: impl AsRef<[u8]>) -> Self {
        self.arg("--identity").arg(encode(identity.as_ref()))
    }

    /// Uses mutual TLS.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.args.extend(tls.args());
        self
    }

    /// Starts the peer, and returns once it is bound, or has begun to connect.
    ///
    /// A peer that connects goes on trying for ever, so its other end need not
    /// be there yet; [`Peer::wait_for_peers`] waits for the connection.
    ///
    /// # Panics
    ///
    /// If the peer does not start. See [`interpreter`](super::interpreter) for
    /// what it needs.
    pub async fn start(self) -> Peer {
        let process = Process::start(self.version, "peer.py", &self.args).await;
        let port = process.port().await;
        Peer { process, port }
    }

    fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }
}
