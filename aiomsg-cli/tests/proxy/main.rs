//! `aiomsg proxy` as a process, with our sockets and real Python programs on both
//! sides of it.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics fails, which is what is wanted"
)]

#[cfg(feature = "spool")]
mod alerts;
mod at_least_once;
#[cfg(feature = "websocket")]
mod board;
#[cfg(feature = "websocket")]
mod board_messages;
#[cfg(feature = "websocket")]
mod board_served;
mod chromium;
mod config;
mod connect_all;
mod crowd;
mod dashboard;
mod deploy;
mod drain;
mod drains_under_load;
mod end_to_end;
mod headers;
mod http;
mod observe;
mod pause;
mod poison;
mod program;
mod proxies_die;
mod python;
mod reasons;
mod reload;
mod replies;
mod scraped;
#[cfg(feature = "spool")]
mod spool;
#[path = "../../../tests/support/mod.rs"]
mod support;
#[cfg(feature = "top")]
mod terminal;
mod tls;
#[cfg(feature = "top")]
mod top;
mod traces;

use std::future::Future;
use std::time::Duration;

use aiomsg::{Delivery, Socket};
use tokio::time::sleep;

use program::{PATIENCE, Program};

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    within(what, async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// A proxy on ports of its own, and where it is.
struct Proxy {
    program: Program,
    frontend: String,
    backend: String,
    metrics: String,
}

impl Proxy {
    /// Both sides listen, and metrics are served, with these options besides.
    async fn start(options: &[&str]) -> Self {
        let sides = ["--frontend", "127.0.0.1:0", "--backend", "127.0.0.1:0"];
        Self::with(&[&sides[..], options].concat()).await
    }

    /// Metrics are served, and all else is said by these options.
    async fn with(options: &[&str]) -> Self {
        let program = Program::start([&["proxy", "--metrics", "0"][..], options].concat());
        Self {
            frontend: program.after("frontend: listening at ").await,
            backend: program.after("backend: listening at ").await,
            metrics: program.after("metrics: ").await,
            program,
        }
    }

    /// A producer that is connected.
    async fn producer(&self) -> Socket {
        self.joined(Socket::new().unwrap(), "frontend").await
    }

    /// A consumer that is connected.
    async fn consumer(&self) -> Socket {
        self.joined(Socket::new().unwrap(), "backend").await
    }

    /// Connects a socket to a side, and waits until both ends know of it.
    async fn joined(&self, socket: Socket, side: &str) -> Socket {
        // Not the number of peers, of which one may be about to go.
        let metric = format!("aiomsg_connections_total{{side=\"{side}\"}}");
        let before = http::metric(&self.metrics, &metric).await;
        let endpoint = match side {
            "frontend" => &self.frontend,
            _ => &self.backend,
        };
        socket.connect(&**endpoint).unwrap();
        within("the proxy", socket.wait_for_peers(1)).await.unwrap();
        within("the proxy to know", async {
            while http::metric(&self.metrics, &metric).await <= before {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        socket
    }

    /// Waits until a metric has a value.
    async fn until(&self, metric: &str, value: f64) {
        http::until(&self.metrics, metric, value).await;
    }
}

fn connected(socket: Socket, endpoint: &str) -> Socket {
    socket.connect(endpoint).unwrap();
    socket
}

/// The next message.
async fn recv(socket: &Socket) -> Delivery {
    within("a message", socket.recv_message()).await.unwrap()
}

async fn recv_text(socket: &Socket) -> String {
    within("a message", socket.recv_text()).await.unwrap()
}

/// All that comes, until there are so many.
async fn recv_all(socket: &Socket, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        all.push(recv_text(socket).await);
    }
    all
}
