//! Admission: which connections are admitted, and which take another one's place.
//!
//! A connection is [admitted](Admission::admit) under the identity of its peer. If there is
//! one with that identity already, that one must show within some seconds that it is alive:
//! one that died half-open must not keep its peer out. It is sent a heartbeat. A system that
//! does not know the connection any more answers with a reset, and a living peer sends a
//! heartbeat of its own within its interval (5 s in both dialects). If the connection proves
//! dead, the new one takes its place; otherwise the new one is refused.
//!
//! A newcomer that [proves](Member::proof) to be the same peer, by showing the
//! same certificate, need not wait for that, if the peer has dialled both. Two dials of
//! our own may reach the same peer by two addresses, and the second one is refused.
//!
//! ```text
//!  newcomer ─▶ identity free? ── yes ──────────────────────────▶ Admitted
//!                  └─ no ─▶ probe the other ── silent, or ended ──▲
//!                                 └─ a byte came ─▶ refused
//! ```
//!
//! Nothing else takes a living connection's place, and nothing that a connection
//! carries is sent or received before it is admitted.
//!
//! A peer cannot admit a connection on which it was not [told](Member::told) our identity.
//! So a socket asks for admission half-way through the handshake: then the peer does not
//! have a second connection, whatever rule it follows, and closing it costs nothing. Two
//! sockets that connect to each other at the same time may both know the other's identity on
//! both connections. They [agree](Admission::admit) on the one that the smaller identity has
//! dialled, and the end that dialled the other one waits for its peer to close it. While a
//! second connection that the peer may have admitted waits for the place of the first,
//! nothing is sent on the first, until the peer has sent something on it.
//!
//! While it is admitted, a peer is in the table of [`peers`](crate::peers), which the send path sees.

mod member;
mod table;

pub use member::Member;
pub use table::{Admission, Admitted};

#[cfg(test)]
mod tests;
