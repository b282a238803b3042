//! The vocabulary of aiomsg, for people who write layers.
//!
//! This crate is words only: it depends on no runtime and opens no sockets. The
//! codecs of the wire are in `aiomsg-transport`, the bounded queue and the standard
//! behaviours in `aiomsg-layers`. These are the words of each level of the stack:
//!
//! | level | item | module |
//! |---|---|---|
//! | send | [`Outbound`], a message on its way out | [`outbound`] |
//! | receive | [`Delivery`], a message that arrived, and a [`IntoReply`] to it | [`delivery`], [`reply`] |
//! | connection | [`Frame`], [`Connection`] and [`FrameHook`] | [`frame`], [`connection`] |
//! | wire | [`Dialect`], one of the two wires | [`dialect`] |
//! | dial, accept | [`Endpoint`], and the [`Certificate`] of a peer | [`endpoint`], [`certificate`] |
//! | all | [`Identity`], [`Error`], [`Limits`], and [`Discard`], which takes dropped messages | [`identity`], [`error`], [`limits`], [`discard`] |
//!
//! A crate with a layer of its own depends on this crate alone:
//!
//! ```
//! use aiomsg_core::Outbound;
//! use std::task::{Context, Poll};
//! use tower::{Layer, Service};
//!
//! /// Counts the payload bytes that pass.
//! #[derive(Clone)]
//! struct Metered<S> {
//!     inner: S,
//!     bytes: u64,
//! }
//!
//! impl<S: Service<Outbound>> Service<Outbound> for Metered<S> {
//!     type Response = S::Response;
//!     type Error = S::Error;
//!     type Future = S::Future;
//!
//!     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
//!         self.inner.poll_ready(cx)
//!     }
//!
//!     fn call(&mut self, message: Outbound) -> S::Future {
//!         self.bytes += message.payload().len() as u64;
//!         self.inner.call(message)
//!     }
//! }
//!
//! struct MeterLayer;
//!
//! impl<S> Layer<S> for MeterLayer {
//!     type Service = Metered<S>;
//!     fn layer(&self, inner: S) -> Metered<S> {
//!         Metered { inner, bytes: 0 }
//!     }
//! }
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod acker;
pub mod certificate;
pub mod connection;
pub mod delivery;
pub mod dialect;
pub mod discard;
pub mod endpoint;
pub mod error;
pub mod frame;
pub mod headers;
pub mod hook;
pub mod identity;
pub mod limits;
pub mod link;
pub mod message_id;
pub mod name;
pub mod outbound;
pub mod payload;
pub mod reply;
pub mod sync;

pub use acker::Acker;
pub use certificate::{Certificate, Fingerprint};
pub use connection::{Connection, FrameHook, FrameSource, FrameVisitor, Identified};
pub use delivery::Delivery;
pub use dialect::Dialect;
pub use discard::{Discard, Discarded, DropReason};
pub use endpoint::Endpoint;
pub use error::{BoxError, Error, ErrorKind};
pub use frame::{Frame, MessageWithHeaders};
pub use headers::{HeaderLimits, Headers};
pub use identity::Identity;
pub use limits::{Limits, Weight};
pub use link::Link;
pub use message_id::{MessageId, MessageIds};
pub use name::{Addresses, Name};
pub use outbound::{Outbound, Target};
pub use payload::IntoPayload;
pub use reply::{IntoOutcome, IntoReply};
