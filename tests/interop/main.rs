//! Our sockets with the real Python libraries: aiomsg 2019.12.1, which speaks
//! the dialect of 2019, and aiomsg 2026.7.1, which speaks v1.
//!
//! The peers are child processes, so the clock is the real one. Nothing sleeps
//! to give something time to happen; the few fixed times are those in which
//! something must *not* happen.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

/// A test with each version of the Python library: `name::python_2019` and
/// `name::python_2026` call `name(version)`.
macro_rules! each_version {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::support::python::Version;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn python_2019() {
                super::$name(Version::V2019).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn python_2026() {
                super::$name(Version::V2026).await;
            }
        }
    )+};
}

/// A test with each version in each role: `name::python_2019_binds` and so on
/// call `name(version, binds)`.
macro_rules! each_version_and_role {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::Binds;
            use crate::support::python::Version;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn python_2019_binds() {
                super::$name(Version::V2019, Binds::Them).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn python_2019_connects() {
                super::$name(Version::V2019, Binds::Us).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn python_2026_binds() {
                super::$name(Version::V2026, Binds::Them).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn python_2026_connects() {
                super::$name(Version::V2026, Binds::Us).await;
            }
        }
    )+};
}

mod addressed;
#[cfg(feature = "tls")]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary includes all of it and uses a part"
)]
#[path = "../support/authority.rs"]
mod authority;
mod behind;
mod both_dialects;
mod coming_from;
mod distribution;
#[cfg(all(feature = "websocket", feature = "tls"))]
mod foreign_websocket;
mod guarantees;
mod headers;
mod heartbeats;
mod messages;
mod mutual;
mod our_process;
mod payloads;
mod proxy;
mod requests;
mod restart;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../support/running.rs"]
mod running;
mod slow;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
mod tls;
mod topics;
#[cfg(feature = "websocket")]
mod websocket;

use std::future::Future;
use std::time::Duration;

use aiomsg::builder::Dialect;
use aiomsg::{Endpoint, Event, Events, Identity, SendMode, Socket};
use bytes::Bytes;
use support::python::{Peer, PeerBuilder, Version};
use tokio::time::{sleep, timeout};

/// Far longer than anything here takes, so that a test that hangs ends; long
/// enough for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

const LOOPBACK: &str = "127.0.0.1:0";

/// Which end binds; the other one connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binds {
    Us,
    Them,
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Waits for something that nothing tells of.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    within(what, async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Starts the peer and connects it with the socket, at an endpoint of their
/// own. Returns when both ends see the connection.
async fn join(socket: &Socket, peer: PeerBuilder, binds: Binds) -> Peer {
    let others = socket.peers().len();
    let peer = match binds {
        Binds::Us => {
            let endpoint = socket.bind(LOOPBACK).await.unwrap();
            peer.connect(address(&endpoint)).start().await
        }
        Binds::Them => {
            let peer = peer.bind(LOOPBACK).start().await;
            socket.connect(endpoint_of(&peer)).unwrap();
            peer
        }
    };
    connected(socket, others + 1).await;
    peer.wait_for_peers(1).await;
    peer
}

async fn connected(socket: &Socket, peers: usize) {
    within("the peers", socket.wait_for_peers(peers))
        .await
        .unwrap();
}

fn publisher() -> Socket {
    Socket::builder()
        .send_mode(SendMode::Publish)
        .build()
        .unwrap()
}

/// Our endpoint as a Python program is told it.
fn address(endpoint: &Endpoint) -> String {
    format!("127.0.0.1:{}", endpoint.port().unwrap())
}

fn endpoint_of(peer: &Peer) -> Endpoint {
    Endpoint::tcp("127.0.0.1", peer.port())
}

fn dialect(version: Version) -> Dialect {
    match version {
        Version::V2019 => Dialect::V2019,
        Version::V2026 => Dialect::V1,
    }
}

async fn recv(socket: &Socket) -> Bytes {
    within("a message", socket.recv()).await.unwrap()
}

async fn recv_from(socket: &Socket) -> (Identity, Bytes) {
    within("a message", socket.recv_identity()).await.unwrap()
}

/// The next message of the peer, which must be ours.
async fn heard_by(peer: &Peer, socket: &Socket) -> Vec<u8> {
    let (from, data) = peer.recv().await;
    assert_eq!(from, socket.identity().as_bytes());
    data
}

/// A message each way, by address: all is well between the two.
async fn talk(socket: &Socket, peer: &Peer, who: &Identity) {
    socket.send_to(who.clone(), "ours").await.unwrap();
    assert_eq!(heard_by(peer, socket).await, b"ours");
    peer.send_to(socket.identity().as_bytes(), b"theirs").await;
    let (from, message) = recv_from(socket).await;
    assert_eq!((&from, &message[..]), (who, &b"theirs"[..]));
}

/// The identity of the only peer.
fn only_peer(socket: &Socket) -> Identity {
    let peers = socket.peers();
    assert_eq!(peers.len(), 1, "{peers:?}");
    peers[0].identity.clone()
}

/// The next event that `pick` wants.
async fn event<T>(events: &mut Events, what: &str, pick: impl Fn(Event) -> Option<T>) -> T {
    within(what, async {
        loop {
            let event = events.next().await.expect("the socket is open");
            assert!(!matches!(event, Event::Missed { .. }), "{event:?}");
            if let Some(found) = pick(event) {
                return found;
            }
        }
    })
    .await
}

/// The end of the connection to this peer.
async fn down(events: &mut Events, who: &Identity) {
    event(events, "the end of the connection", |event| match event {
        Event::PeerDown { peer, .. } if peer.identity == *who => Some(()),
        _ => None,
    })
    .await;
}
