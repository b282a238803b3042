//! Connecting until it works, later and later.
//!
//! [`Reconnect`] is a service of endpoints over another: its call returns when
//! the inner service has made a connection, and between its tries it waits.
//! The delay is a function of the number of tries in a row that failed;
//! [`exponential`] is the usual one. A connection that lasted
//! [`good_after`](ReconnectLayer::good_after) makes the next delay short
//! again, so a peer that accepts and at once hangs up is not hurried.
//!
//! A panic in the service or in one of the functions is a failure like others:
//! it is told of, and another try follows.

mod backoff;
mod layer;
mod service;

pub use backoff::{Delay, exponential};
pub use layer::ReconnectLayer;
pub use service::{Failure, Reconnect, ReconnectFuture};

#[cfg(test)]
mod tests;
