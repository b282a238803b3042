//! A spooled proxy, and producers and consumers around it, killed (`SIGKILL`) at random
//! moments.
//!
//! - Every message of which `send` has returned `Ok` is handled at least once, whichever dies:
//!   the producer (of ours, with a spool of its own), the proxy or the consumer.
//! - With the dedup layer, a consumer that lives handles each message once, however often
//!   the producer and the proxy die.
//! - Between Python programs of either version, which keep what they send in memory, the
//!   proxy dies, and nothing is lost.
//!
//! A few kills each, as a rule. For more, and for a run that is to be repeated:
//!
//! ```text
//! AIOMSG_SPOOL_KILLS=200 cargo test -p aiomsg-cli --test spooled -- --nocapture
//! AIOMSG_CRUEL_SEED=1234 cargo test -p aiomsg-cli --test spooled
//! ```

#![cfg(all(unix, feature = "spool"))] // Kills are signals there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics fails, which is what is wanted"
)]

/// A test for each call.
macro_rules! cases {
    ($($name:ident: $test:expr;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            $test.await;
        }
    )+};
}

mod ends;
mod ledger;
#[cfg(feature = "jetstream")]
#[path = "../../../tests/support/nats_server.rs"]
mod nats_server;
mod ours;
mod proxy;
mod python;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../../../tests/support/running.rs"]
mod running;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../../../tests/cruel/schedule.rs"]
mod schedule;
#[path = "../../../tests/support/mod.rs"]
mod support;

use std::future::Future;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use ledger::Ledger;
use running::PATIENCE;
use schedule::Life;
use support::python::certificate;

/// The number of kills of each test.
const KILLS: &str = "AIOMSG_SPOOL_KILLS";

const DEFAULT_KILLS: usize = 8;

fn kills() -> usize {
    match std::env::var(KILLS) {
        Ok(text) => text.parse().expect("a number of kills"),
        Err(_) => DEFAULT_KILLS,
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {PATIENCE:?}"),
    }
}

/// Lives and pauses are shorter than those of the schedule, which are for servers whose
/// clients wait a second before they connect again.
fn soon(time: Duration) -> Duration {
    time / 4
}

/// Whether a process that lives since then goes on living. Unless it dies young, it does
/// something first.
fn lives(life: Life, since: Instant, handled: usize, ledger: &Ledger) -> bool {
    let age = since.elapsed();
    assert!(age < PATIENCE, "nothing moves: {}", ledger.summary());
    age < soon(life.length) || (!life.short && ledger.handled() == handled)
}

/// A folder for the stores and, with TLS, certificates: of the proxy and of its peers, each
/// of which trusts the other's.
fn folder(tls: bool) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if tls {
        certificate(folder.path(), "proxy");
        certificate(folder.path(), "peer");
    }
    folder
}
