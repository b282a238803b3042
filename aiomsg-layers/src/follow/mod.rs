//! Following a name: its addresses, as they come and go.
//!
//! [`Follow`] resolves a name again and again, by a `tower::Service` of [`Name`]s whose
//! response is [`Addresses`], and says what has changed. It knows no connections.
//!
//! ```text
//!            ┌─ addresses: changed? report ─▶ wait for their ttl, or the interval ─┐
//!  resolve ──┼─ none: report; the third in a row removes all ─┐                    ├─▶ resolve
//!            └─ no answer: report, and keep all ──────────────┴─▶ wait, longer ────┘
//! ```
//!
//! **An answer without addresses counts when two more have confirmed it.** A DNS server that
//! has just started, or has lost its view of the cluster, answers so for a moment, and so
//! does a service whose instances are all replaced at once. To end every connection is the
//! worst reaction to that, and to keep them for some seconds costs nothing.
//!
//! Every wait is spread at random, so that sockets that started together do not ask
//! together. The number of addresses is bounded.
//!
//! [`Name`]: aiomsg_core::Name
//! [`Addresses`]: aiomsg_core::Addresses

mod roster;
mod service;

pub use roster::Change;
pub use service::{Follow, Followed};

#[cfg(test)]
mod tests;
