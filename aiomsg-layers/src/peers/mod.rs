//! The peers that are connected, as the services that send to them know them.
//!
//! [`Peers`] is one table that is fed in one place: by
//! [admission](crate::admission), or from a
//! [`Discover`](tower::discover::Discover) by [`Peers::feed`]. Two services send to
//! the peers in it: [`ByIdentity`](crate::ByIdentity) what is addressed, and
//! [`Distribute`](crate::Distribute) what is for anyone. Each of them has a copy of its
//! own, which costs it one atomic load to keep up to date while nothing changes.
//!
//! ```text
//!  admission ─▶ insert, remove ─▶ Peers ──▶ ByIdentity   what was addressed and not sent
//!                                   │
//!                                   └─────▶ Distribute   what was for anyone and not sent
//! ```
//!
//! When a peer goes, the table takes back what its connection had not sent, and each of the
//! two services gets the part that is its own: an addressed message waits for its peer to
//! return, and one for anyone goes to another peer. A message in the middle of which
//! connections have ended three times is dropped
//! ([`Poison`](aiomsg_core::DropReason::Poison)).

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
