//! The behaviours of aiomsg's standard socket, each a layer of its own.
//!
//! | behaviour | module | wraps |
//! |---|---|---|
//! | heartbeats, and detecting a dead peer | [`heartbeat`] | a connection |
//! | acknowledgements, in both directions | [`acknowledge`] | a connection |
//! | resending unacknowledged messages | [`at_least_once`] | a service of messages |
//! | handling a repeated message once | [`dedup`] | a service of received messages |
//! | addressed messages, and mailboxes of absent peers | [`by_identity`] | a service of messages |
//! | holding messages while nobody is connected | [`buffer`] | a service of messages |
//! | publish, round robin, least loaded, your own policy | [`distribute`] | the changing set of [`peers`] |
//! | publishing by topic, and subscribing | [`topics`] | the set of peers, and a connection |
//! | reconnecting, with growing delays | [`reconnect`] | a service of endpoints |
//! | following the addresses of a name | [`follow`] | a service of names |
//! | request and reply | [`request`] | services of messages, in both directions |
//! | who may connect under an identity | [`admission`] | the set of peers |
//! | moving messages between queues and the wire | [`session`] | a connection |
//! | the bounded queue of a peer | [`queue`] | nothing |
//! | one stack for many tasks, and its driver | [`driven`] | a service of messages |
//! | one service for many tasks | [`shared`] | any service |
//! | waiting in order | [`line`](mod@line) | nothing |
//! | failures, and how often they are logged | [`reasons`] | nothing |
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
//! Between any two of the first row is a plain `tower::Service` of messages. So each works
//! alone, and [`ServiceBuilder`](tower::ServiceBuilder) stacks them with others.
//! `docs/where-a-message-waits.md` says where a message waits, and for how long.
//!
//! Every layer depends on `aiomsg-core` only.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod acknowledge;
pub mod admission;
pub mod at_least_once;
pub mod buffer;
pub mod by_identity;
pub mod dedup;
pub mod distribute;
pub mod driven;
pub mod follow;
pub mod heartbeat;
pub mod line;
mod overflow;
pub mod peers;
pub mod queue;
pub mod reasons;
pub mod reconnect;
pub mod request;
pub mod session;
pub mod shared;
mod sync;
#[cfg(test)]
mod test_frames;
#[cfg(test)]
mod test_stack;
#[cfg(test)]
mod test_wakes;
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
