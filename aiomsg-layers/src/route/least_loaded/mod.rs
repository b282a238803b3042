//! Routing to the peer for which the fewest bytes wait, by tower's balancer.
//!
//! ```text
//!  peer_came, peer_went ──▶ Balance ──▶ of two peers drawn by lot, the one for
//!                              ▲        which less waits (Loaded)
//!  message ────────────────────┘
//! ```
//!
//! Two ways to use it: [`LeastLoaded`] is a policy of the
//! [`Router`](super::Router), which takes back what waited for a connection
//! that ended and delivers what is addressed; [`Loaded`] puts a peer into a
//! [`Balance`](tower::balance::p2c::Balance) of one's own.

mod load;
mod policy;

pub use load::Loaded;
pub use policy::LeastLoaded;

#[cfg(test)]
mod tests;
