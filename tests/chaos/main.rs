//! Whole sockets over real TCP and TLS, with a proxy on each connection that cuts,
//! resets, stalls and narrows it; what happens is drawn from a seed, and what was
//! promised is counted.
//!
//! ```text
//! cargo test --all-features --test chaos
//! AIOMSG_CHAOS_SECONDS=600 cargo test --all-features --test chaos -- rounds::what --nocapture
//! AIOMSG_CHAOS_SEED=123 cargo test --all-features --test chaos -- rounds::replay --nocapture
//! ```
//!
//! A seed gives the same plan. The threads, the timers and the buffers of the system
//! are real, so that a fault may need several replays.
#![cfg(feature = "tls")]
#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod check;
mod host;
mod ledger;
mod payload;
mod plan;
mod proxy;
mod receiving;
mod round;
mod sending;
mod tally;
mod timeline;
mod world;

mod rounds;
mod sees_faults;

#[allow(
    dead_code,
    unreachable_pub,
    reason = "other tests use more of it, from elsewhere"
)]
#[path = "../support/authority.rs"]
mod authority;
#[allow(dead_code, reason = "the simulation uses more of it")]
#[path = "../simulation/wire.rs"]
mod wire;
