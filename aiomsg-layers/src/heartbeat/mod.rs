//! Heartbeats: saying that we are here, and noticing that the peer is not.
//!
//! - After [`interval`](HeartbeatLayer::interval) without a send, a heartbeat
//!   is sent.
//! - After [`timeout`](HeartbeatLayer::timeout) without a byte from the peer,
//!   the connection is dead. Any byte is life, so a large message on a slow
//!   link is not death. The time runs only while somebody is reading: a peer
//!   is not to blame for an application that does not receive.
//! - A peer that only drips is dead all the same: within the timeout it must
//!   finish a frame, such as a heartbeat, or send a
//!   [least number of bytes](HeartbeatLayer::least) of a larger one.
//! - A peer that takes no byte for as long, while bytes wait for it, is dead too,
//!   unless it is heard meanwhile. One that is heard is dead after eight such times:
//!   it may read slowly, and yet not for ever hold what waits for it.
//! - What a peer takes is what its system has acknowledged, where the
//!   [link](aiomsg_core::Link::send_queue) knows that, as with TCP, TLS and Unix
//!   sockets on Linux: a system takes megabytes ahead of a slow peer, and then
//!   nothing until a good part of them is gone. It is asked while bytes wait, eight
//!   times within the timeout, so that an eighth of it is added to the times above.
//!   Elsewhere what our own system takes counts for it.
//!
//! Five and fifteen seconds are what both dialects ask for (wire document).

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
