//! One service for many tasks.
//!
//! Many of tower's services are not `Clone`, such as `RateLimit`: there is one rate.
//! [`Shared`] lets any number of tasks call such a service, and keeps two rules that are
//! easily broken: the same task uses the reservation of `poll_ready` at once, and none of
//! several waiting tasks is forgotten.
//!
//! [`catch`] and [`caught`] confine a panic in users' code to one call.

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
