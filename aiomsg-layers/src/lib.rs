//! The behaviours of aiomsg's standard socket, each a layer of its own.
//!
//! | behaviour | module | wraps |
//! |---|---|---|
//! | heartbeats, and noticing a dead peer | [`heartbeat`] | a connection |
//! | acknowledging what arrived, and hearing acknowledgements | [`acknowledge`] | a connection |
//! | resending what was not acknowledged | [`at_least_once`] | a service of messages |
//! | handling once what comes twice | [`dedup`] | a service of received messages |
//! | sending what is addressed to its peer, or keeping it until that is back | [`by_identity`] | a service of messages |
//! | holding messages while nobody is connected | [`buffer`] | a service of messages |
//! | publish, round robin, least loaded | [`distribute`] | the changing set of [`peers`] |
//! | publishing by topic, and subscribing | [`topics`] | the set of peers, and a connection |
//! | connecting again, later and later | [`reconnect`] | a service of endpoints |
//! | asking and answering | [`request`] | services of messages, on both ways |
//! | who may connect under an identity | [`admission`] | the set of peers |
//! | moving messages between queues and the wire | [`session`] | a connection |
//! | holding what waits for a peer, bounded | [`queue`] | nothing |
//! | one stack for many tasks, which moves while nobody sends | [`driven`] | a service of messages |
//! | one service for many tasks | [`shared`] | any service |
//!
//! The standard stack, from the caller of `send` down to the wire:
//!
//! ```text
//!  AtLeastOnce ─▶ ByIdentity ─▶ Buffer ─▶ Distribute(policy)
//!                      │                      │
//!                      └─ one queue per peer ─┘
//!                                │
//!            Heartbeat( Acknowledge( framed connection ) )
//! ```
//!
//! Between any two of the first line is a plain `tower::Service` of messages, so each works
//! alone, and [`ServiceBuilder`](tower::ServiceBuilder) stacks them with others. Where a message
//! waits, and for how long: [`line`](mod@line).
//!
//! Every layer works alone and knows `aiomsg-core` only.

#![forbid(unsafe_code)]

pub mod acknowledge;
pub mod admission;
pub mod at_least_once;
pub mod buffer;
pub mod by_identity;
pub mod dedup;
pub mod distribute;
pub mod driven;
pub mod heartbeat;
pub mod line;
mod overflow;
pub mod peers;
pub mod queue;
pub mod reconnect;
pub mod request;
pub mod session;
pub mod shared;
mod sync;
#[cfg(test)]
mod test_frames;
#[cfg(test)]
mod test_stack;
mod time;
pub mod topics;

pub use acknowledge::AcknowledgeLayer;
pub use at_least_once::{AtLeastOnce, AtLeastOnceLayer};
pub use buffer::{Buffer, BufferLayer};
pub use by_identity::{ByIdentity, ByIdentityLayer};
pub use dedup::DedupLayer;
pub use distribute::Distribute;
pub use driven::Driven;
pub use heartbeat::HeartbeatLayer;
pub use overflow::Overflow;
pub use reconnect::ReconnectLayer;
pub use request::{AnswersLayer, ReplyLayer, RequestLayer, Requests};
pub use session::Session;
pub use topics::{SubscribeLayer, TopicsLayer};
