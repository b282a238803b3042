//! Distribution: who gets a message that is for anyone.
//!
//! [`Distribute`] is the innermost service of the send path. A [`Policy`] picks the peers, and
//! [`Distribute`] places the message in their queues:
//!
//! | policy | picks |
//! |---|---|
//! | [`RoundRobin`] | one peer after the other |
//! | [`Publish`] | all of them |
//! | [`LeastLoaded`] | the less loaded of two random peers |
//! | [`ByTopic`](crate::topics::ByTopic) | the peers with a subscription to a prefix of the message |
//! | one of your own | see [`Policy`] |
//!
//! It is not ready while no peer has room. Unsent messages of a connection that has ended are
//! placed again before anything new.
//!
//! ```text
//!  call ─▶ Policy::pick ─▶ One(peer) ────▶ its queue
//!                          All, These ───▶ a copy into each queue
//!                          Nobody ───────▶ dropped: no peer wants it
//!                          Full ─────────▶ it waits here, before anything new
//! ```

mod any;
mod copies;
mod guarded;
mod least_loaded;
mod policy;
mod publish;
mod reach;
mod round_robin;
mod service;
mod set;

pub use any::AnyPolicy;
pub use guarded::Guarded;
pub use least_loaded::LeastLoaded;
#[cfg(feature = "balance")]
pub use least_loaded::Loaded;
pub use policy::{Pick, Policy};
pub use publish::Publish;
pub use reach::Reach;
pub use round_robin::RoundRobin;
pub use service::Distribute;
pub use set::PeerSet;

#[cfg(test)]
mod tests;
