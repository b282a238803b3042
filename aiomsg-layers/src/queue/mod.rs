//! The bounded queue between two tasks.
//!
//! A queue is counted in bytes as well as in items, taken whole by its
//! consumer, and locked and woken once per batch rather than once per item.
//!
//! ```
//! use std::collections::VecDeque;
//! use std::task::{Context, Poll, Waker};
//!
//! use aiomsg_core::{Limits, Outbound};
//! use aiomsg_layers::queue::Queue;
//!
//! let queue = Queue::new(Limits { items: 2, bytes: 1024 });
//! let mut cx = Context::from_waker(Waker::noop());
//! queue.push(Outbound::new("one")).unwrap();
//! queue.push(Outbound::new("two")).unwrap();
//! assert!(queue.poll_ready(&mut cx).is_pending(), "two items are the limit");
//!
//! let mut batch = VecDeque::new();
//! assert_eq!(queue.poll_take(&mut cx, &mut batch), Poll::Ready(true));
//! assert!(queue.poll_ready(&mut cx).is_pending(), "taken items count until they are released");
//! queue.release(2, 6);
//! assert!(queue.poll_ready(&mut cx).is_ready());
//! ```
//!
//! | file | contents |
//! |---|---|
//! | `state.rs` | [`Queue`], its state under one lock, its limits and counts |
//! | `produce.rs`, `consume.rs` | pushing; taking, popping and releasing |
//! | `shed.rs` | [`Shed`]: taking items out to make room |
//! | `close.rs` | closing, and cutting a consumer that is too slow |
//! | `level.rs` | [`Level`]: reporting that a queue is full, and half empty again |
//! | `wakers.rs` | [`WakerList`]: the tasks that wait for one thing |
//! | `peer.rs`, `service.rs` | a queue as the [`Peer`] of the send path, and as a service |

mod close;
mod consume;
mod level;
mod peer;
mod produce;
mod service;
mod shed;
mod state;
mod wakers;

#[cfg(all(test, aiomsg_loom))]
mod interleavings;
#[cfg(test)]
mod tests;

pub use level::Level;
pub use peer::{Offered, Peer};
pub use shed::Shed;
pub use state::Queue;
pub use wakers::{WakerList, Woken};

/// The other end is gone. Returns the items that could not be pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the queue is closed")]
pub struct Closed<T = ()>(pub T);
