//! Topics: a published message goes to the peers with a subscription to a prefix of it.
//!
//! ```text
//!  subscriber                                          publisher
//!
//!  Subscriptions ──▶ SubscribeLayer                 TopicsLayer ──▶ Topics
//!   .subscribe(p)    on each connection             on each connection │ subscriptions
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
//! **Publisher.** [`Topics`] holds the subscriptions of all peers. Its
//! [`layer`](Topics::layer) takes subscriptions out of each connection. Its
//! [`policy`](Topics::policy) gives a copy of each message to its subscribers, and a
//! message without any is [dropped](aiomsg_core::DropReason::Unwanted). A subscription
//! lasts as long as its connection. Messages that were published while nobody was
//! connected go out when the first peer comes, which may be before its subscriptions
//! arrive.
//!
//! **Subscriber.** [`Subscriptions`] is the list of prefixes. Its
//! [`layer`](Subscriptions::layer) sends it to the peer on each connection before anything
//! else, also after a reconnect, and sends every later change.
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
