//! Whom all peers connect to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use aiomsg::Socket;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::super::raw_connections::connection;

/// How often it is looked whether all are there.
const LOOK: Duration = Duration::from_millis(1);

#[derive(clap::Args)]
pub(crate) struct Station {
    address: String,
    count: usize,
}

impl Station {
    /// Says by lines where it is `bound`, and when all are `up`.
    pub(super) async fn run(self) {
        let socket = Socket::new().expect("the settings are good");
        let endpoint = socket.bind(self.address).await;
        let endpoint = endpoint.expect("the address is free").to_string();
        println!("bound {}", endpoint.trim_start_matches("tcp://"));
        let all = socket.wait_for_peers(self.count).await;
        all.expect("the socket is open");
        println!("up");
        std::future::pending::<()>().await;
        drop(socket);
    }

    /// The same, with a task for each connection that shakes hands, reads, and writes
    /// heartbeats.
    pub(super) async fn run_raw(self) {
        let listener = TcpListener::bind(self.address).await;
        let listener = listener.expect("the address is free");
        let address = listener.local_addr().expect("it is bound");
        println!("bound {address}");
        let up = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&up);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a peer connects");
                let up = Arc::clone(&counted);
                // A peer that has gone comes again.
                tokio::spawn(async move { connection(stream, &up).await });
            }
        });
        while up.load(Relaxed) < self.count {
            sleep(LOOK).await;
        }
        println!("up");
        std::future::pending::<()>().await;
    }
}
