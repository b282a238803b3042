//! Layers of tower's, unmodified, and of a user's own, around the paths of a
//! socket, over real connections.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod connection;
mod receive;
mod send;

use std::time::Duration;

use aiomsg::{Endpoint, Socket};

/// A receiver, and where to connect to it.
async fn receiver() -> (Socket, Endpoint) {
    let socket = Socket::new().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    (socket, endpoint)
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not in time"),
    }
}
