//! At-least-once: unacknowledged messages are sent again.
//!
//! - Each message gets an id, and every resend carries the same one.
//! - The time for an acknowledgement, [`timeout`](Settings::timeout), begins
//!   when the message has left on a connection. While it waits in a buffer or a queue,
//!   there is nothing to resend.
//! - A peer that acknowledges one earlier message after the other is slow, and nothing is
//!   sent to it again. When it has acknowledged nothing for that time, it gets the oldest
//!   message again, and none of those behind, which it has.
//! - An acknowledgement counts only on a connection on which the message has left.
//! - When that connection ends, the message is sent again at once; when the
//!   next one ends, too, 5 s after that at the earliest, or the timeout if that
//!   is shorter. So no peer that comes and goes uses up the resends in a moment.
//! - Messages on their way when two connections ended in a row are sent a few at a time,
//!   and then each by itself: one of them may be the reason.
//! - After [`max_resends`](Settings::max_resends) resends the message is dropped,
//!   and goes to [`Discard`](aiomsg_core::Discard).
//! - The number and size of unacknowledged messages are bounded. A `send` beyond the bound
//!   waits.
//!
//! ```text
//!  call ─▶ waiting ─▶ left on a connection ─▶ acknowledged
//!             ▲              │
//!             └── resender ◀─┴─ time is up, or the connection ended
//! ```

mod connection;
mod due;
mod entries;
mod layer;
mod observed;
mod progress;
mod resend;
mod service;
mod suspects;
mod unacked;

pub use connection::ConnectionAcks;
pub use entries::Unacknowledged;
pub use layer::AtLeastOnceLayer;
pub use resend::Resender;
pub use service::{AtLeastOnce, ResponseFuture};
pub use unacked::{Settings, Unacked};

#[cfg(all(test, aiomsg_loom))]
mod interleavings;

#[cfg(test)]
mod close_tests;
#[cfg(test)]
mod peers_tests;
#[cfg(test)]
mod tests;
