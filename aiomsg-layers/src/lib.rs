//! The behaviours of aiomsg's standard socket, each a layer of its own.
//!
//! | behaviour | module | wraps |
//! |---|---|---|
//! | heartbeats, and noticing a dead peer | [`heartbeat`] | a connection |
//! | acknowledging what arrived, and hearing acknowledgements | [`acknowledge`] | a connection |
//! | resending what was not acknowledged | [`at_least_once`] | a service of messages |
//! | buffering while nobody is connected | [`buffer`] | a router |
//! | publish, round robin, by identity | [`route`] | the changing set of peers |
//! | connecting again, later and later | [`reconnect`] | a service of endpoints |
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
pub mod at_least_once;
pub mod buffer;
pub mod heartbeat;
pub mod reconnect;
pub mod route;
mod time;

pub use acknowledge::AcknowledgeLayer;
pub use at_least_once::AtLeastOnceLayer;
pub use buffer::Buffer;
pub use heartbeat::HeartbeatLayer;
pub use reconnect::ReconnectLayer;
pub use route::Router;
