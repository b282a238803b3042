//! Holding messages while the inner service is not ready.
//!
//! [`Buffer`] holds messages, up to a bound, and forwards them in their order as soon as the
//! inner service is ready. A full buffer is not ready, or applies its
//! [`Overflow`](crate::Overflow) rule.
//!
//! In a socket, it holds messages only while nobody is connected. When all peers are full,
//! senders wait. [`BufferLayer::while_nobody`] sets that.
//!
//! ```text
//!  call ─▶ is the inner service ready? ── yes ──▶ the service
//!               └─ no ─▶ held ── poll_ready ──▲
//! ```
//!
//! Held messages move when [`poll_ready`](tower::Service::poll_ready) is called: by senders or,
//! while nobody sends, by a [`Driver`](crate::driven::Driver).

mod future;
mod layer;
mod service;

pub use future::BufferFuture;
pub use layer::BufferLayer;
pub use service::Buffer;
