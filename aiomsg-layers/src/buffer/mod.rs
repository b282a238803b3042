//! Holding messages while the service inside is not ready.
//!
//! [`Buffer`] holds messages, up to a bound, and passes them on in their order as soon as what
//! it wraps is ready. A full buffer is not ready, or does what its [`Overflow`](crate::Overflow)
//! rule says.
//!
//! In a socket it holds messages while nobody is connected, and for no other reason: when all
//! peers are full, senders wait. [`BufferLayer::while_nobody`] asks for that.
//!
//! ```text
//!  call ─▶ is the service inside ready? ── yes ─▶ the service
//!               └─ no ─▶ held ── poll_ready ──▲
//! ```
//!
//! What is held moves when [`poll_ready`](tower::Service::poll_ready) is called, by senders or,
//! while nobody sends, by a [`Driver`](crate::driven::Driver).

mod future;
mod layer;
mod service;

pub use future::BufferFuture;
pub use layer::BufferLayer;
pub use service::Buffer;
