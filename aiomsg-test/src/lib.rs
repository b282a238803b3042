//! A mock connection and a mock set of peers, for people who write layers.
//!
//! What `tower-test` is for services, this crate is for the other two things
//! that a layer of aiomsg may stand on. Each comes as a pair: the mock, which
//! goes into the layer, and a handle, by which the test plays the other side.
//!
//! | to test | the mock | the handle |
//! |---|---|---|
//! | a layer around a connection | [`MockConnection`] | [`ConnectionHandle`]: the peer and the wire |
//! | `Distribute`, `ByIdentity` or what wraps them | a table of [`MockPeer`]s | [`PeersHandle`]: peers that come, go and fill up |
//! | a policy alone | a [`PeerSet`] of [`MockPeer`]s | one [`PeerHandle`] for each |
//! | a layer that drops messages | a [`Discard`] | [`DiscardHandle`]: the dropped messages, and why |
//!
//! The mocks need no runtime and know no time: under tokio's paused clock a
//! test of a timeout takes no time, and without a runtime it is polled by hand.
//!
//! # A connection layer
//!
//! This one refuses what is too large. The test looks at what reaches the
//! wire, and when.
//!
//! ```
//! use aiomsg_core::connection::{FrameStream, Hooked};
//! use aiomsg_core::{Error, ErrorKind, Frame, FrameHook};
//! use aiomsg_test::connection;
//! use futures::{FutureExt, SinkExt, StreamExt};
//!
//! struct Limited {
//!     most: usize,
//!     exceeded: bool,
//! }
//!
//! impl FrameHook for Limited {
//!     fn leaving(&mut self, frame: Frame) -> Option<Frame> {
//!         let len = frame.payload().map_or(0, |payload| payload.len());
//!         self.exceeded |= len > self.most;
//!         (len <= self.most).then_some(frame)
//!     }
//!
//!     fn settle(&mut self) -> Result<(), Error> {
//!         match std::mem::take(&mut self.exceeded) {
//!             true => Err(ErrorKind::TooLarge.into()),
//!             false => Ok(()),
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
//! let (connection, peer) = connection::pair();
//! let limited = Hooked::new(connection, Limited { most: 5, exceeded: false });
//! // Frame by frame, as a sink and a stream.
//! let mut limited = FrameStream::new(limited);
//!
//! // What is fed is not on the wire before it is flushed.
//! limited.feed(Frame::data("hello")).await?;
//! assert_eq!(peer.try_sent(), None);
//! limited.flush().await?;
//! assert_eq!(peer.next_sent().await, Some(Frame::data("hello")));
//!
//! let refused = limited.send(Frame::data("hello, world")).await;
//! assert!(refused.unwrap_err().is_too_large());
//! assert_eq!(peer.try_sent(), None);
//!
//! // The other direction is as it was.
//! peer.receive(Frame::data("hello, world"));
//! assert_eq!(limited.next().await.unwrap()?, Frame::data("hello, world"));
//!
//! // A peer that takes nothing holds the layer back.
//! peer.block_flush();
//! assert!(limited.send(Frame::data("more")).now_or_never().is_none());
//! # Ok(()) }
//! ```
//!
//! # A policy
//!
//! This one gives each message to the peer for which least waits. It is tried
//! on a set of peers, alone, and then within a [`Distribute`].
//!
//! ```
//! use std::task::{Context, Waker};
//!
//! use aiomsg_core::{Limits, Outbound};
//! use aiomsg_layers::Distribute;
//! use aiomsg_layers::distribute::{PeerSet, Pick, Policy};
//! use aiomsg_layers::queue::Peer;
//! use aiomsg_test::{discard, peers};
//! use tower::{Service, ServiceExt};
//!
//! struct LeastWaiting;
//!
//! impl<P: Peer> Policy<P> for LeastWaiting {
//!     fn pick(&mut self, peers: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
//!         let with_room = (0..peers.len()).filter(|at| peers.has_room(*at));
//!         match with_room.min_by_key(|at| peers.waiting(*at)) {
//!             Some(at) => Pick::One(at),
//!             None => Pick::Full,
//!         }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg_core::Error> {
//! let (mut set, [a, b]) = peers::set(["a", "b"], peers::LIMITS);
//! let pick = |set: &PeerSet<_>| match LeastWaiting.pick(set, &Outbound::new("job")) {
//!     Pick::One(at) => Some(at),
//!     _ => None,
//! };
//! assert_eq!(pick(&set), Some(0));
//! a.fill();
//! set.look(&mut Context::from_waker(Waker::noop()));
//! assert_eq!(pick(&set), Some(1));
//! b.fill();
//! set.look(&mut Context::from_waker(Waker::noop()));
//! assert_eq!(pick(&set), None);
//!
//! let (discard, lost) = discard::pair();
//! let (table, peers) = peers::pair(discard);
//! let mut distribute = Distribute::new(&table, LeastWaiting);
//! let a = peers.insert("a", peers::LIMITS);
//! distribute.ready().await?.call(Outbound::new("job")).await?;
//! // The connection ends with the job unsent, and the next peer gets it.
//! a.end();
//! let b = peers.insert("b", peers::LIMITS);
//! distribute.ready().await?;
//! assert_eq!(b.take_payloads(), ["job"]);
//! assert!(lost.take().is_empty());
//! # Ok(()) }
//! ```
//!
//! [`PeerSet`]: aiomsg_layers::distribute::PeerSet
//! [`Distribute`]: aiomsg_layers::Distribute
//! [`Discard`]: aiomsg_core::Discard

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod connection;
pub mod discard;
pub mod peers;

pub use connection::{ConnectionHandle, MockConnection};
pub use discard::DiscardHandle;
pub use peers::{MockPeer, PeerHandle, PeersHandle};

use aiomsg_core::Identity;

/// The identity of these bytes. A test that names a peer wrongly is to end
/// where it does so.
#[track_caller]
fn identity(bytes: impl AsRef<[u8]>) -> Identity {
    match Identity::new(bytes) {
        Ok(identity) => identity,
        Err(error) => panic!("the name of a peer cannot be used: {error}"),
    }
}
