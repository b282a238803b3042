//! The socket, by behaviour: our sockets with each other, and with peers whose
//! bytes are written out here.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod acknowledged_before_reply;
mod alone;
mod at_least_once;
#[cfg(feature = "tls")]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary includes all of it and uses a part"
)]
#[path = "../support/authority.rs"]
mod authority;
mod bad_input;
#[cfg(feature = "tls")]
mod behind;
mod buffering;
mod captured_log;
#[cfg(feature = "tls")]
mod certified_identity;
mod close;
mod close_while_reconnecting;
mod closes_together;
mod connect_all;
mod connect_all_closes;
mod connect_all_shared;
#[cfg(feature = "tls")]
mod connect_all_tls;
mod contributing;
#[cfg(target_os = "linux")]
mod descriptors;
mod documented_bytes;
mod documented_names;
mod drain;
mod endpoints;
mod events;
mod extremes;
mod flapping_peers;
mod headers;
mod hooks;
mod idle_runtimes;
mod liveness;
mod log_subscribers;
#[cfg(feature = "tls")]
mod logs;
mod many;
mod one_shot;
mod outcomes;
mod overflow;
mod page_links;
mod payload_destructors;
mod payloads;
mod peer_stats;
mod pitfalls_table;
mod poison;
mod poison_and_slow_layer;
mod poison_to_one_behind;
mod poisons_in_a_row;
mod readme;
mod reasons;
mod reconnect;
mod reports;
mod routing;
mod runtimes;
#[cfg(all(unix, feature = "tls"))] // The recipes are for a shell.
mod security_recipes;
#[cfg(target_os = "linux")] // What others have taken, no other system says.
mod slow_link;
mod spans;
mod streams;
mod takeover;
mod tasks_of_one_socket;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tls")]
mod tls_refusals;
#[cfg(feature = "tls")]
mod tls_reload;
mod wakers;
mod weak;
#[cfg(feature = "websocket")]
mod web_client;
#[cfg(all(feature = "websocket", feature = "tls"))]
mod websocket;
#[cfg(feature = "websocket")]
mod websocket_bytes;
mod wire;

use std::future::Future;
use std::time::Duration;

use aiomsg::{Endpoint, Event, Events, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Far longer than anything here takes, so that a test that hangs ends.
const PATIENCE: Duration = Duration::from_secs(20);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// A socket bound to loopback TCP.
async fn bound() -> (Socket, Endpoint) {
    let socket = Socket::new().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    (socket, endpoint)
}

/// The next event that `pick` wants.
async fn event<T>(events: &mut Events, what: &str, pick: impl Fn(Event) -> Option<T>) -> T {
    within(what, async {
        loop {
            let event = events.next().await.expect("the socket is open");
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    })
    .await
}

/// A peer that speaks bytes.
struct Raw(TcpStream);

impl Raw {
    async fn connect(endpoint: &Endpoint) -> Self {
        let port = endpoint.port().expect("a tcp endpoint");
        Self(TcpStream::connect(("127.0.0.1", port)).await.unwrap())
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    async fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut got = vec![0; bytes.len()];
        within("the bytes", self.0.read_exact(&mut got))
            .await
            .unwrap();
        assert_eq!(
            got.escape_ascii().to_string(),
            bytes.escape_ascii().to_string()
        );
    }

    /// Reads until the other end closes, and says how much came.
    async fn closed(&mut self) -> usize {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = within("the end", self.0.read_to_end(&mut rest)).await;
        rest.len()
    }
}

/// The handshakes of a peer, in both dialects.
fn hello_v1(identity: &[u8; 16]) -> Vec<u8> {
    [&b"\0\0\0\x12\x01\x01"[..], identity].concat()
}

fn hello_2019(identity: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, identity.len() as u8][..], identity].concat()
}
