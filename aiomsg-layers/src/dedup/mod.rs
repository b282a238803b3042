//! Handling a message once, though it comes twice.
//!
//! At-least-once sends a message again when its acknowledgement is late or
//! lost, under the same id. This layer remembers the ids of what was handled,
//! for a while, and answers a message that comes again without handing it on.
//! Together with acknowledgements that are given after handling, each message
//! takes effect once, within the window, as long as neither process ends.
//!
//! ```text
//!  message ─▶ id known? ── no ──▶ inner service ── Ok ──▶ remembered
//!                 │                      └─ Err, or dropped ─▶ forgotten: it may come again
//!                 ├─ handled ──▶ Ok, without a response
//!                 └─ in hand ──▶ waits for the outcome of the first
//! ```
//!
//! Each peer has a window of its own, so a busy one takes nothing from the others.
//! What is remembered is bounded three times:
//!
//! - Of one peer, beyond [`limit`](DedupLayer::limit), the oldest message is
//!   forgotten.
//! - Of all peers, beyond [`total`](DedupLayer::total), the oldest message of one of
//!   those is forgotten of which the most are remembered. Each peer keeps half its
//!   share at least: `total` divided by the number of peers.
//! - When another peer comes, and there are [`peers`](DedupLayer::peers) already, one
//!   loses its window: first one that has sent nothing for the
//!   [time](DedupLayer::keep) of the window, and otherwise one of which the fewest
//!   messages are remembered (as a power of two: 1, 2 to 3, 4 to 7, …), and of these
//!   the one that has been silent for longest.
//!
//! So strangers that send one message each do not push out a peer of which two are
//! remembered, however many strangers come. Strangers that send more share `total`:
//! with the defaults there is no room for as many as it takes, with more than 8
//! messages each, to push out a peer of which 16 are remembered.
//!
//! A message is known by its sender's identity and its id. Senders that give a
//! new id to each resend, as both versions of the Python library do, cannot be
//! recognised: from them messages may take effect more than once. Messages
//! without an id are never sent again, and pass.

mod handled;
mod layer;
mod list;
mod peers;
mod service;
mod window;

pub use layer::DedupLayer;
pub use service::{Dedup, DedupFuture, FirstFailed};

#[cfg(test)]
mod other_peers;
#[cfg(test)]
mod tests;
