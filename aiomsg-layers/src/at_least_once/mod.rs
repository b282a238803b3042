//! At-least-once: what is not acknowledged is sent again.
//!
//! - Each message gets an id, and every resend carries the same one.
//! - The time for an acknowledgement, [`timeout`](AtLeastOnceLayer::timeout),
//!   begins when the message has left by a connection; while it waits in a
//!   buffer or a queue there is nothing to resend.
//! - While the peer goes on acknowledging what left before, in order, it is slow, and
//!   nothing is sent to it again. When it has acknowledged nothing for that time, the
//!   oldest message goes to it again, and none of those behind, which it has.
//! - An acknowledgement counts only on a connection by which the message has left.
//! - When that connection ends, the message is sent again at once; when the
//!   next one ends, too, 5 s after that at the earliest, or the timeout if that
//!   is shorter. So no peer that comes and goes uses up the resends in a moment.
//! - What was on its way when two connections ended in a row is sent a few at a time,
//!   and then each message by itself: one of them may be the reason.
//! - After [`max_resends`](AtLeastOnceLayer::max_resends) resends the message
//!   is given up, and handed to [`Discard`](aiomsg_core::Discard).
//! - The number and size of messages that wait for acknowledgements is
//!   bounded; a `send` beyond that waits.
//!
//! ```text
//!  call ─▶ waiting ─▶ left by a connection ─▶ acknowledged
//!             ▲              │
//!             └── resender ◀─┴─ time is up, or the connection ended
//! ```

mod connection;
mod due;
mod entries;
mod layer;
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
