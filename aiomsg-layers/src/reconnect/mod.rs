//! Reconnecting, with growing delays.
//!
//! [`Reconnect`] is a service of endpoints over another: its call returns when
//! the inner service has made a connection, and between its tries it waits.
//! The delay is a function of the number of failed tries in a row;
//! [`exponential`] is the usual one. A connection that lasts for
//! [`good_after`](ReconnectLayer::good_after) resets it. So a peer that accepts, and
//! hangs up at once, is not hurried.
//!
//! A panic in the service or in one of the functions is a failure like others: it is
//! reported, and another try follows.

mod backoff;
mod layer;
mod service;

pub use backoff::{Delay, exponential};
pub use layer::ReconnectLayer;
pub use service::{Failure, Reconnect, ReconnectFuture};

#[cfg(test)]
mod tests;
