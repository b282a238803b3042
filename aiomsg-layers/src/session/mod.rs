//! The traffic of one connection: from its queue to the wire, and from the wire to the
//! inbox.
//!
//! A [`Session`] is the one task of a connection. It takes messages from the
//! [`Queue`](crate::queue::Queue) of its peer, a batch at a time, and gives received
//! ones to an [`Intake`]: the [`Inbox`] itself, or a service in front of it
//! ([`ServiceIntake`]).
//!
//! ```text
//!  send path ─▶ queue of the peer ─▶ ┌─────────┐ ─▶ connection with its layers ─▶ wire
//!                                    │ Session │
//!  recv ◀── Inbox ◀── Intake ◀────── └─────────┘ ◀─ connection with its layers ◀─ wire
//! ```
//!
//! A session that should end sends everything, ends its direction of the connection, and
//! waits for the peer to end the other one. A peer does so when it has read everything,
//! and nothing else says that it has. Messages that it may not have read are
//! [counted](SessionHandle::unconfirmed).
//!
//! While the intake has no room, the connection is not read, and TCP holds the peer back.
//! A session that is dropped puts the messages that never left back into the queue, and
//! closes the queue in the same step. The send path then sends them elsewhere.

mod farewells;
mod finish;
mod frames;
mod handle;
mod inbox;
mod intake;
mod left;
mod meter;
mod pump;
mod setup;
mod suspect;
mod waiting;

pub use farewells::{Farewell, Farewells};
pub use handle::SessionHandle;
pub use inbox::Inbox;
pub use intake::{Intake, ServiceIntake};
pub use meter::Meter;
pub use pump::Session;
pub use waiting::Waiting;

#[cfg(all(test, aiomsg_loom))]
mod interleavings;
