//! Topics: a published message goes to those who asked for what it begins with.
//!
//! ```text
//!  subscriber                                          publisher
//!
//!  Subscriptions ──▶ SubscribeLayer                 TopicsLayer ──▶ Topics
//!   .subscribe(p)    on each connection             on each connection │ who wants what
//!                         │                               ▲            ▼
//!                         └────── 01 p, 00 p ─────────────┘         ByTopic
//!                                                                   the policy
//!  recv ◀──────────────── messages that begin with p ◀──────────────── send
//! ```
//!
//! A prefix is any bytes, and the empty one is everything. The convention on
//! the wire is that of ZeroMQ: on its way to a publisher, a message whose first
//! byte is `01` subscribes its sender to the prefix that follows, and one whose
//! first byte is `00` unsubscribes it. Any other message is an ordinary one. On
//! its way from a publisher no message has a special meaning.
//!
//! **Publisher.** [`Topics`] knows who wants what. Its
//! [`layer`](Topics::layer) takes subscriptions out of each connection; its
//! [`policy`](Topics::policy) gives a copy of each message to those who want
//! it, and a message that nobody wants is
//! [given up](aiomsg_core::DropReason::Unwanted). A subscription lasts as long
//! as the connection by which it came. What was published while nobody was
//! connected goes out when the first peer comes, which may be before its
//! subscriptions are here.
//!
//! **Subscriber.** [`Subscriptions`] is the list of prefixes. Its
//! [`layer`](Subscriptions::layer) tells it to the peer on each connection
//! before anything else, so also after a reconnect, and tells every later
//! change.
//!
//! Both ends are bounded by [`TopicLimits`].

mod limits;
mod places;
mod policy;
mod publisher;
mod slots;
mod subscriber;
mod subscriptions;
mod table;
mod tree;
mod wire;

pub use limits::TopicLimits;
pub use policy::ByTopic;
pub use publisher::{Topics, TopicsConnection, TopicsLayer};
pub use subscriber::{SubscribeConnection, SubscribeLayer};
pub use subscriptions::Subscriptions;

#[cfg(test)]
mod tests;
