//! Smart message sockets made of [`tower`] layers.
//!
//! A [`Socket`] binds, connects, or both, and has any number of peers. It sends and
//! receives whole messages. It distributes them by publish, round robin or identity,
//! reconnects by itself, keeps connections alive with heartbeats, and buffers messages
//! while no peer is connected. On request it resends unacknowledged messages. It speaks
//! both wire protocols of the Python library `aiomsg`, 2019.12.1 and 2026.7.1.
//!
//! # Example
//!
//! ```
//! use aiomsg::Socket;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), aiomsg::Error> {
//! let server = Socket::builder().build()?;
//! let endpoint = server.bind("127.0.0.1:0").await?;
//!
//! let client = Socket::builder().build()?;
//! client.connect(endpoint)?;
//!
//! server.send("hello").await?; // waits in a buffer until the client connects
//! assert_eq!(client.recv().await?, "hello");
//! # Ok(()) }
//! ```
//!
//! # Where to find things
//!
//! | item | contents |
//! |---|---|
//! | [`Socket`], [`SocketBuilder`] | the socket |
//! | [`SendMode`], [`DeliveryGuarantee`] | distribution and delivery guarantee |
//! | [`Endpoint`] | `"host:port"`, `tcp://`, `tls://`, `unix://`, `mem://` |
//! | [`Event`], [`Stats`], [`PeerInfo`], [`PeerStats`] | events and counters |
//! | [`guide`] | the guide to layers: using them, and writing one |
//! | [`core`], [`layers`], [`transport`] | the parts of the socket |
//!
//! # Features
//!
//! - `tls` (default): `tls://` endpoints, with rustls.
//! - `system-roots`: `TlsConfigBuilder::trust_system_roots`, with
//!   rustls-native-certs.
//! - `json`: [`Socket::send_json`](Socket) and `recv_json`, with serde.
//! - `balance`: `layers::distribute::Loaded`, a peer for tower's `p2c::Balance`.

#![forbid(unsafe_code)]

mod engine;
mod socket;

pub use aiomsg_core as core;
pub use aiomsg_layers as layers;
pub use aiomsg_transport as transport;

pub use aiomsg_core::{
    Certificate, Delivery, Dialect, DropReason, Endpoint, Error, ErrorKind, Fingerprint, Identity,
    Limits, MessageId, Outbound, Target,
};
pub use aiomsg_layers::Overflow;
pub use aiomsg_layers::session::Inbox;
pub use aiomsg_transport::CertifiedIdentityLayer;
pub use aiomsg_transport::handshake::Dialects;
#[cfg(feature = "tls")]
pub use aiomsg_transport::tls::TlsConfig;

pub use engine::events::{Event, Events};
pub use engine::leftover::{CloseReport, Unconfirmed};
pub use engine::peer::{PeerConnection, PeerInfo};
pub use engine::peer_stats::PeerStats;
pub use engine::stack::{StandardFuture, StandardSend};
pub use engine::stats::{Drops, Stats};
pub use socket::Socket;
pub use socket::builder::{AckMode, BoxedSend, DeliveryGuarantee, SendMode, SocketBuilder};
pub use socket::serve::Serve;
pub use socket::service::SendFuture;
pub use socket::streams::{IdentityMessages, Messages};

#[doc = include_str!("../docs/layers.md")]
pub mod guide {}

/// Bounds of a socket's layers, with names, and the types that a builder chooses with.
pub mod builder {
    pub use crate::socket::builder::{
        AcceptLayer, AcceptService, Acknowledged, ConnectionLayer, Deliverable, DialLayer,
        DialService, Publishes, ReceiveLayer, ReceiveService, SendLayer, SendService, Unset,
    };
}

/// Compiles the README's programs.
#[cfg(all(doctest, feature = "tls"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Compiles the programs of the page on security.
#[cfg(all(doctest, feature = "system-roots"))]
#[doc = include_str!("../docs/security.md")]
struct Security;
