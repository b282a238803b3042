//! A spool on a NATS server.
#![cfg(feature = "jetstream")]
#![allow(missing_docs, clippy::unwrap_used)]

mod outages;
mod server;
mod store;

use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

/// Waits for something that must come soon.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what)
        .await
        .expect("it takes too long")
}
