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
//! Two sockets that connect to each other at the same time would each let in
//! another one of the two connections, and nobody would answer on either. So
//! both choose the one that was dialled by the smaller identity, at once. What
//! the other one has carried by then is not lost: whoever has let it in [ends it
//! in good order](Admitted::superseded) before the one that is chosen comes in,
//! and whoever has not [reads it to its end](Refused::half_open).
//!
//! While it is admitted, a peer is in the set that the router sees.

mod member;
mod table;

pub use member::Member;
pub use table::{Admission, Admitted, HalfOpen, Refused};

#[cfg(test)]
mod tests;
