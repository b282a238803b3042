//! Routing: who gets a message.
//!
//! A [`Router`] sends to a changing set of peers, which it learns from a
//! [`Discover`](tower::discover::Discover) such as [`Changes`]. A message that
//! is addressed goes to its peer; any other goes where the [`Policy`] says:
//! [`RoundRobin`] or [`Publish`], `LeastLoaded` (with the feature `balance`), or
//! [`ByTopic`](crate::topics::ByTopic).
//!
//! ```text
//!                    ┌─ addressed ──▶ its peer; while that is absent: its mailbox
//!  message ─▶ Router ┤
//!                    └─ any ──▶ Policy ──▶ one peer (round robin), all (publish)
//!
//!  a connection ends ──▶ what it had not sent is routed again, before anything else
//! ```
//!
//! What waited for a connection that ended goes to another peer (round robin),
//! waits for its peer to return (addressed), or is reported as lost (a copy of
//! a published message: the other peers have theirs).

mod changes;
mod guarded;
#[cfg(feature = "balance")]
mod least_loaded;
mod mailbox;
mod overflow;
mod peers;
mod policy;
mod publish;
mod round_robin;
mod router;

pub use changes::{Changes, Registrar, changes};
pub use guarded::Guarded;
#[cfg(feature = "balance")]
pub use least_loaded::{LeastLoaded, Loaded};
pub use mailbox::MailboxSettings;
pub use overflow::Overflow;
pub use peers::PeerSet;
pub use policy::{AnyPolicy, Policy, Refused};
pub use publish::Publish;
pub use round_robin::RoundRobin;
pub use router::{Route, Router, Unrouted};
pub(crate) use router::{failed, refused};

#[cfg(all(test, aiomsg_loom))]
mod interleavings;

#[cfg(test)]
mod tests;
