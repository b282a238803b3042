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
//! - A peer that takes no byte for as long, while bytes wait for it, is dead
//!   too, however many heartbeats it sends.
//!
//! Five and fifteen seconds are what both dialects ask for (wire document).

mod batch;
mod connection;
mod layer;
mod patience;

pub use connection::Heartbeat;
pub use layer::HeartbeatLayer;
pub use patience::Patience;

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod tests;
