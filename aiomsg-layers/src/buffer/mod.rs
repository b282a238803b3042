//! Buffering while nobody is connected.
//!
//! [`Buffer`] is a handle, cheap to clone, on a router that all its clones
//! share. While a peer is connected, messages go straight into the router,
//! and a caller waits while the peers have no room. While nobody is, they wait
//! here, up to a bound, and are sent in order to whoever comes; then a caller
//! waits while the buffer is full.
//!
//! The [`Driver`] must be run, once for all clones: it empties the buffer when
//! a peer comes, and routes again what came back from connections that ended.
//!
//! A panic of the router's ends neither the driver nor the handles.
//!
//! ```text
//!  call ─▶ somebody there? ── yes ─▶ Router
//!               └─ no ─▶ buffer ── Driver ──▲
//! ```

mod driver;
mod held;
mod service;
mod wakers;

pub use driver::Driver;
pub use service::{Buffer, BufferFuture};

#[cfg(all(test, aiomsg_loom))]
mod interleavings;

#[cfg(test)]
mod tests;
