//! Real processes that are killed at random (`SIGKILL`), and what must hold all
//! the same.
//!
//! A few seconds each, as a rule. For longer runs, and for a run that is to be
//! repeated:
//!
//! ```text
//! AIOMSG_CRUEL_SECONDS=600 cargo test --all-features --test cruel -- --nocapture
//! AIOMSG_CRUEL_SEED=1234 cargo test --all-features --test cruel
//! ```
//!
//! A seed gives the same lives and pauses; what a process was doing when it was
//! killed is different each time.
#![cfg(all(unix, feature = "tls"))] // Kills are signals there.
#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod ledger;
mod memory;
mod our_server;
#[allow(dead_code, reason = "the tests of the cookbook use more of it")]
#[path = "../cookbook/program.rs"]
mod program;
mod proxies_die;
mod schedule;
mod server;
mod servers_die;
#[path = "../support/mod.rs"]
mod support;
mod they_ask;

use std::future::Future;
use std::time::Duration;

use tokio::time::{sleep, timeout};

/// Far longer than anything here takes, so that a test that hangs ends; long
/// enough for a machine that is busy, and for several resends.
const PATIENCE: Duration = Duration::from_secs(60);

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
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
