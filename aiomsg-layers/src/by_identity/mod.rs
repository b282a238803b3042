//! Addressed messages: to the queue of their peer, or into its mailbox until it is back.
//!
//! [`ByIdentity`] takes [addressed](aiomsg_core::Outbound::to) messages itself, and forwards
//! all others to the inner service. Only those need readiness: **an addressed message may be
//! given to [`call`](tower::Service::call) at any time.** So a message to a peer with room
//! waits for no other peer, however full the others are.
//!
//! ```text
//!  call ─▶ addressed? ── no ─▶ the inner service
//!              └─ yes ─▶ the queue of its peer
//!                          ├─ it is full: the sender waits, in the line of this peer alone
//!                          └─ it is absent: its mailbox, bounded per peer and in all
//! ```
//!
//! The messages in a mailbox go to their peer, in their order, as soon as it is back. They are
//! dropped when the peer stays away for [`keep`](MailboxSettings::keep)
//! ([`PeerAbsent`](aiomsg_core::DropReason::PeerAbsent)), for which the [`Expiry`] must be
//! run. Unsent messages of a connection that has ended go to the front of the mailbox.

mod counters;
mod expiry;
mod future;
mod holder;
mod layer;
mod mailbox;
mod post_office;
mod service;

pub use expiry::Expiry;
pub use future::ByIdentityFuture;
pub use layer::ByIdentityLayer;
pub use mailbox::MailboxSettings;
pub use service::ByIdentity;

#[cfg(all(test, aiomsg_loom))]
mod interleavings;

#[cfg(test)]
mod tests;
