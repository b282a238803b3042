//! A mock connection and a mock set of peers, for people who write layers.
//!
//! What `tower-test` is for services, this crate is for the other two things
//! that a layer of aiomsg may stand on. Each comes as a pair: the mock, which
//! goes into the layer, and a handle, by which the test plays the other side.
//!
//! | to test | the mock | the handle |
//! |---|---|---|
//! | a layer around a connection | [`MockConnection`] | [`ConnectionHandle`]: the peer and the wire |
//! | a router, or what wraps one | a [`Discover`] of [`MockPeer`]s | [`PeersHandle`]: peers that come, go and fill up |
//! | a policy alone | a [`PeerSet`] of [`MockPeer`]s | one [`PeerHandle`] for each |
//! | what gives messages up | a [`Discard`] | [`DiscardHandle`]: what was given up, and why |
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
//! on a set of peers, alone, and then behind a [`Router`].
//!
//! ```
//! use std::task::{Context, Poll, Waker};
//!
//! use aiomsg_core::{Limits, Outbound};
//! use aiomsg_layers::queue::{Closed, Peer};
//! use aiomsg_layers::Router;
//! use aiomsg_layers::route::{PeerSet, Policy, Refused, Route};
//! use aiomsg_test::{discard, peers};
//!
//! #[derive(Default)]
//! struct LeastWaiting {
//!     position: usize,
//! }
//!
//! impl<P: Peer> Policy<P> for LeastWaiting {
//!     fn poll_ready(&mut self, peers: &mut PeerSet<P>, cx: &mut Context<'_>) -> Poll<()> {
//!         // All are asked: whichever has room first is to wake the caller.
//!         let free = peers
//!             .iter_mut()
//!             .enumerate()
//!             .filter_map(|(position, (_, peer))| {
//!                 let room = peer.poll_room(cx).is_ready();
//!                 room.then(|| (peer.waiting(), position))
//!             });
//!         let Some((_, position)) = free.min() else {
//!             return Poll::Pending;
//!         };
//!         self.position = position;
//!         Poll::Ready(())
//!     }
//!
//!     fn place(&mut self, peers: &mut PeerSet<P>, message: Outbound) -> Result<(), Refused> {
//!         // A peer that was found to be gone is no longer in the set.
//!         let position = self.position % peers.len().max(1);
//!         let placed = match peers.at(position) {
//!             Some(peer) => peer.push(message),
//!             None => Err(Closed(message)),
//!         };
//!         placed.map_err(|Closed(message)| Refused { message, position: Some(position) })
//!     }
//! }
//!
//! let mut cx = Context::from_waker(Waker::noop());
//!
//! let two = Limits { items: 2, ..peers::LIMITS };
//! let (mut set, [a, b]) = peers::set(["a", "b"], two);
//! let mut policy = LeastWaiting::default();
//! for payload in ["a large one", "1", "2"] {
//!     assert!(policy.poll_ready(&mut set, &mut cx).is_ready());
//!     policy.place(&mut set, Outbound::new(payload)).unwrap();
//! }
//! assert_eq!(a.take_payloads(), ["a large one"]);
//! assert_eq!(b.take_payloads(), ["1", "2"]);
//! a.fill();
//! b.fill();
//! assert!(policy.poll_ready(&mut set, &mut cx).is_pending());
//!
//! let (changes, peers) = peers::pair();
//! let (discard, lost) = discard::pair();
//! let mut router = Router::new(changes, LeastWaiting::default(), discard);
//! let a = peers.insert("a", two);
//! assert!(router.poll_route(&mut cx).is_ready());
//! router.route(&mut cx, Outbound::new("job")).unwrap();
//! // The connection ends with the job unsent, and the next peer gets it.
//! a.end();
//! let b = peers.insert("b", two);
//! assert!(router.poll_route(&mut cx).is_ready());
//! assert_eq!(b.take_payloads(), ["job"]);
//! assert!(lost.take().is_empty());
//! ```
//!
//! [`PeerSet`]: aiomsg_layers::route::PeerSet
//! [`Router`]: aiomsg_layers::Router
//! [`Discard`]: aiomsg_core::Discard
//! [`Discover`]: aiomsg_layers::route::Changes

#![forbid(unsafe_code)]

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
