//! The connected peers, for the services that send to them.
//!
//! [`Peers`] is one table that is fed in one place: by [admission](crate::admission), or from
//! a [`Discover`](tower::discover::Discover) by [`Peers::feed`]. Two services send to its
//! peers: [`ByIdentity`](crate::ByIdentity) the addressed messages, and
//! [`Distribute`](crate::Distribute) those for anyone. Each has a copy of its own. While
//! nothing changes, one atomic load keeps it up to date.
//!
//! ```text
//!  admission ─▶ insert, remove ─▶ Peers ──▶ ByIdentity   unsent addressed messages
//!                                   │
//!                                   └─────▶ Distribute   unsent messages for anyone
//! ```
//!
//! When a peer goes, the table takes back the unsent messages of its connection, and each of
//! the two services gets its part. An addressed message waits for its peer to return, and one
//! for anyone goes to another peer. A message in the middle of which connections have ended
//! three times is dropped ([`Poison`](aiomsg_core::DropReason::Poison)).

mod feed;
mod table;
mod take_back;
mod view;

pub use table::Peers;
pub(crate) use view::{News, View};

#[cfg(all(test, aiomsg_loom))]
mod interleavings;

#[cfg(test)]
mod tests;
