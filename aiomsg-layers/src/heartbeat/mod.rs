//! Heartbeats: they keep a connection alive, and detect a dead peer.
//!
//! - After [`interval`](HeartbeatLayer::interval) without a send, a heartbeat
//!   is sent.
//! - After [`timeout`](HeartbeatLayer::timeout) without a byte from the peer,
//!   the connection is dead. Any byte is life, so a large message on a slow
//!   link is not death. The time runs only while the connection is read: a peer
//!   is not to blame for an application that does not receive.
//! - A peer that only drips is dead all the same: within the timeout it must
//!   finish a frame, such as a heartbeat, or send a
//!   [least number of bytes](HeartbeatLayer::least) of a larger one.
//! - A peer that takes no byte for as long, while bytes wait for it, is dead too,
//!   unless it is heard meanwhile. One that is heard is dead after eight such times:
//!   it may read slowly, but not hold its messages for ever.
//! - A peer takes a byte when its system acknowledges it, where the
//!   [link](aiomsg_core::Link::send_queue) knows that, as with TCP, TLS and Unix
//!   sockets on Linux: a system takes megabytes ahead of a slow peer, and then
//!   nothing until a good part of them is gone. The link is asked while bytes wait,
//!   eight times within the timeout, which adds an eighth to the times above.
//!   Elsewhere, a byte counts as taken when our own system takes it.
//!
//! Both dialects use five and fifteen seconds (wire document).

mod connection;
mod layer;
mod patience;
mod stuck;
mod time;

pub use connection::Heartbeat;
pub use layer::HeartbeatLayer;
pub use patience::Patience;

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod stuck_tests;
#[cfg(test)]
mod tests;
