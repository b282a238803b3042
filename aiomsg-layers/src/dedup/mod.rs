//! Deduplication: a message that comes twice is handled once.
//!
//! At-least-once sends a message again when its acknowledgement is late or lost, under
//! the same id. This layer remembers the ids of handled messages for a while, and
//! answers a message that comes again without forwarding it. Together with
//! acknowledgements after handling, each message takes effect once, within the window,
//! as long as neither process ends.
//!
//! ```text
//!  message ─▶ id known? ── no ──▶ inner service ── Ok ──▶ remembered
//!                 │                      └─ Err, or dropped ─▶ forgotten: it may come again
//!                 ├─ handled ──▶ Ok, without a response
//!                 └─ in hand ──▶ waits for the outcome of the first
//! ```
//!
//! Each peer has a window of its own, so a busy one takes nothing from the others.
//! Three bounds limit the memory:
//!
//! - A peer with more than [`per_peer`](DedupLimits::per_peer) messages loses its oldest.
//! - When all peers together have more than [`total`](DedupLimits::total) messages, one
//!   with the most loses its oldest. Each peer keeps at least half of its share, which
//!   is `total` divided by the number of peers.
//! - When a new peer comes, and there are [`peers`](DedupLimits::peers) already, one
//!   loses its window: first one that has sent nothing for the
//!   [time](DedupLimits::keep) of the window, and otherwise one with the fewest
//!   messages (as a power of two: 1, 2 to 3, 4 to 7, …), and of these the one that has
//!   been silent for longest.
//!
//! So strangers that send one message each do not push out a peer with two remembered
//! messages, however many strangers come. Strangers that send more share `total`: with
//! the defaults, there is no room for enough of them, with more than 8 messages each, to
//! push out a peer with 16.
//!
//! A message is known by its sender's identity and its id. Senders that give a new id
//! to each resend, as both versions of the Python library do, defeat this: their
//! messages may take effect more than once. Messages without an id are never sent
//! again, and pass.

mod handled;
mod layer;
mod limits;
mod list;
mod peers;
mod service;
mod window;

pub use layer::DedupLayer;
pub use limits::DedupLimits;
pub use service::{Dedup, DedupFuture, FirstFailed};

#[cfg(test)]
mod other_peers;
#[cfg(test)]
mod tests;
