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
//! A message is known by its sender's identity and its id. Senders that give a
//! new id to each resend, as both versions of the Python library do, cannot be
//! recognised: from them messages may take effect more than once. Messages
//! without an id are never sent again, and pass.

mod layer;
mod service;
mod window;

pub use layer::DedupLayer;
pub use service::{Dedup, DedupFuture, FirstFailed};

#[cfg(test)]
mod tests;
