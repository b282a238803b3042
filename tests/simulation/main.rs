//! Whole sockets over a network that loses, delays, cuts and parts, in virtual
//! time; what happens is drawn from a seed, and what must hold is checked.
//!
//! ```text
//! AIOMSG_SIM_SEEDS=5000 cargo test --release --test simulation -- seeds
//! AIOMSG_SIM_SEED=123 cargo test --test simulation -- replay --nocapture
//! ```

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod check;
mod host;
mod ledger;
mod network;
mod payload;
mod plan;
mod run;
mod sabotage;
mod stranger;
mod talk;
mod tally;
mod trace;
mod wire;
mod world;

mod determinism;
mod seeds;
mod sees_faults;
