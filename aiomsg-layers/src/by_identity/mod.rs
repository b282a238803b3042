//! Messages for one peer: to its queue, or into its mailbox until it is back.
//!
//! [`ByIdentity`] takes what is [addressed](aiomsg_core::Outbound::to) off the common road.
//! Everything else goes on to the service that it wraps, and only that asks for readiness: **an
//! addressed message may be given to [`call`](tower::Service::call) at any time.** So a message
//! to a peer that has room waits for nobody, however full the others are.
//!
//! ```text
//!  call ─▶ addressed? ── no ─▶ the service inside
//!              └─ yes ─▶ the queue of its peer
//!                          ├─ it is full: the sender waits, in the line of this peer alone
//!                          └─ it is absent: its mailbox, bounded per peer and in all
//! ```
//!
//! What is in a mailbox goes to its peer as soon as that is back, in its order, and is dropped
//! when the peer stays away for [`keep`](MailboxSettings::keep)
//! ([`PeerAbsent`](aiomsg_core::DropReason::PeerAbsent)). Somebody must run the
//! [`Expiry`] for that. What a connection that ended had not sent goes to the front of the
//! mailbox.

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
