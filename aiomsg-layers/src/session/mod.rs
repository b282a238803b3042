//! The traffic of one connection: from a queue to the wire, and from the wire
//! to whoever receives.
//!
//! A [`Session`] is the one task that a connection has. It takes what waits in
//! the [`Queue`](crate::queue::Queue) of its peer, a batch at a time, and
//! gives what it reads to an [`Intake`]: the [`Inbox`] itself, or a service in
//! front of it ([`ServiceIntake`]).
//!
//! ```text
//!  send path ─▶ queue of the peer ─▶ ┌─────────┐ ─▶ connection with its layers ─▶ wire
//!                                 │ Session │
//!  recv  ◀── Inbox ◀── Intake ◀── └─────────┘ ◀── connection with its layers ◀─ wire
//! ```
//!
//! A session that is asked to end sends everything, ends its direction of the
//! connection, and waits for the peer to end the other one: a peer does so when it
//! has read everything, and nothing else says that it has. What it was sent and may
//! not have read is [counted](SessionHandle::unconfirmed).
//!
//! While the intake has no room, the connection is not read, and TCP holds the
//! peer back. When a session is dropped, whatever it had taken and what never
//! left is back in the queue, which is closed in the same step: the send path then
//! sends it elsewhere.

mod farewells;
mod finish;
mod frames;
mod handle;
mod intake;
mod left;
mod meter;
mod pump;
mod setup;
mod suspect;
mod waiting;

pub use farewells::{Farewell, Farewells};
pub use handle::SessionHandle;
pub use intake::{Inbox, Intake, ServiceIntake};
pub use meter::Meter;
pub use pump::Session;
pub use waiting::Waiting;

#[cfg(all(test, aiomsg_loom))]
mod interleavings;
