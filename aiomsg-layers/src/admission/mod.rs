//! Who is connected, and who may take whose place.
//!
//! A connection is [admitted](Admission::admit) under the identity of its peer.
//! If there is one with that identity already, it must show within some seconds
//! that it is alive: one that died half-open must not keep its peer out. It is
//! sent a heartbeat, which a system that knows nothing of the connection any
//! more answers with a reset, and a living peer follows with a heartbeat of its
//! own within its interval (5 s in both dialects). If it proves dead, the new
//! one takes its place; otherwise the new one is refused.
//!
//! A newcomer that [proves](Member::proof) to be the same peer, by showing the
//! same certificate, need not wait for that.
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
//! A peer cannot let in a connection by which it was not [told](Member::told) who
//! we are. So whoever can asks for admission half-way through the handshake, as a
//! socket does: then a second connection of a peer is one that the peer does not
//! have, whatever rule it follows, and closing it costs nothing. Where both ends
//! were told by two connections, since they connected to each other at the same
//! time, they [agree](Admission::admit) on the one that was dialled by the smaller
//! identity, and the end that dialled the other one waits for its peer to close it.
//! Until the peer has said something by it, a connection whose place is wanted by
//! one that the peer may have let in is not sent into.
//!
//! While it is admitted, a peer is in the table of [`peers`](crate::peers), which the send path sees.

mod member;
mod table;

pub use member::Member;
pub use table::{Admission, Admitted};

#[cfg(test)]
mod tests;
