//! The layers of `aiomsg-layers`, and one of a user's own, around the mocks:
//! each test is as a user would write it.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod acknowledge;
mod buffer;
mod by_identity;
mod distribute;
mod greeting;
mod heartbeat;
mod overflow;
mod session;
mod stack;
mod topics;
