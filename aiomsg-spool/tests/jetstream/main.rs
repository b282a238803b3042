//! A spool on a NATS server.
#![cfg(feature = "jetstream")]
#![allow(missing_docs, clippy::unwrap_used)]

mod headers;
#[path = "../../../tests/support/nats_server.rs"]
mod nats_server;
mod outages;
mod store;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use aiomsg_spool::{JetstreamSettings, Spool, SpoolBuilder};
use nats_server::Server;

const SOON: Duration = Duration::from_secs(20);

/// Waits for something that must come soon.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what)
        .await
        .expect("it takes too long")
}

/// A spool on this server.
async fn open(server: &Server, builder: SpoolBuilder) -> Spool {
    let settings = JetstreamSettings::new("jobs").ack_wait(Duration::from_secs(3));
    soon(builder.connect(&server.url(), settings))
        .await
        .unwrap()
}
