//! The behaviours of aiomsg's standard socket, each a layer of its own.
//!
//! | behaviour | module | wraps |
//! |---|---|---|
//! | heartbeats, and noticing a dead peer | [`heartbeat`] | a connection |
//! | acknowledging what arrived, and hearing acknowledgements | [`acknowledge`] | a connection |
//! | resending what was not acknowledged | [`at_least_once`] | a service of messages |
//! | handling once what comes twice | [`dedup`] | a service of received messages |
//! | buffering while nobody is connected | [`buffer`] | a router |
//! | publish, round robin, by identity | [`route`] | the changing set of peers |
//! | publishing by topic, and subscribing | [`topics`] | the set of peers, and a connection |
//! | connecting again, later and later | [`reconnect`] | a service of endpoints |
//! | asking and answering | [`request`] | services of messages, on both ways |
//! | who may connect under an identity | [`admission`] | the set of peers |
//! | moving messages between queues and the wire | [`session`] | a connection |
//! | holding what waits for a peer, bounded | [`queue`] | nothing |
//! | one service for many tasks | [`shared`] | any service |
//!
//! The standard stack, from the caller of `send` down to the wire:
//!
//! ```text
//!  AtLeastOnce ─▶ Buffer ─▶ Router ─▶ one queue per peer
//!                                          │
//!            Heartbeat( Acknowledge( framed connection ) )
//! ```
//!
//! Every layer works alone and knows `aiomsg-core` only.

#![forbid(unsafe_code)]

pub mod acknowledge;
pub mod admission;
pub mod at_least_once;
pub mod buffer;
pub mod dedup;
pub mod heartbeat;
pub mod queue;
pub mod reconnect;
pub mod request;
pub mod route;
pub mod session;
pub mod shared;
mod sync;
#[cfg(test)]
mod test_frames;
mod time;
pub mod topics;

pub use acknowledge::AcknowledgeLayer;
pub use at_least_once::AtLeastOnceLayer;
pub use buffer::Buffer;
pub use dedup::DedupLayer;
pub use heartbeat::HeartbeatLayer;
pub use reconnect::ReconnectLayer;
pub use request::{AnswersLayer, ReplyLayer, RequestLayer, Requests};
pub use route::Router;
pub use session::Session;
pub use topics::{SubscribeLayer, TopicsLayer};
