//! One stack of the send path for many tasks, and a driver that moves it while nobody sends.
//!
//! The services of the send path take `&mut self`, and have no lock. [`Driven`] puts a stack of
//! them behind one lock. It is a handle and a service: it polls and calls the stack under the
//! lock. The [`Driver`] polls the stack whenever something wakes it, such as a peer that comes
//! or has room again. So waiting messages need no sender to move them.
//!
//! ```text
//!  senders ─▶ Driven ─▶ lock ─▶ poll_ready, call ─▶ the stack
//!                         ▲                            │ wakes
//!                         └──── poll_ready ── Driver ◀─┘
//! ```
//!
//! Layers around the stack ask whether it is ready before each call. Each call finds that out for
//! the next one, under the same lock, and [`Driven`] remembers it until something wakes the
//! stack or is done with it. So a message takes the lock once.

mod at;
mod driver;
mod future;
mod handle;
mod wakers;

pub use at::At;
pub use driver::Driver;
pub use future::DrivenFuture;
pub use handle::{Driven, NotNow};

#[cfg(all(test, aiomsg_loom))]
mod interleavings;

#[cfg(test)]
mod tests;
