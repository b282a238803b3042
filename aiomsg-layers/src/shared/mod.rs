//! One service for many tasks.
//!
//! Many of tower's services are not `Clone`, such as `RateLimit`: a rate is
//! one. [`Shared`] lets any number of tasks call one of them, and keeps two
//! rules that are easily broken: what the service reserves in `poll_ready` is
//! used by the same task at once, and of several tasks that wait none is
//! forgotten.
//!
//! [`catch`] and [`caught`] keep a panic in one call of a user's to that call.

pub(crate) mod bell;
mod caught;
mod fused;
mod names;
mod service;
pub(crate) mod share;

pub use caught::{Caught, catch, caught, drop_caught, note, panicked};
pub use fused::Fused;
pub(crate) use names::Names;
pub use service::{Shared, SharedFuture};

#[cfg(test)]
mod tests;
