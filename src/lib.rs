//! Smart message sockets made of [`tower`] layers.
//!
//! One kind of socket, that binds or connects or both, with any number of
//! connections behind it. It sends and receives messages, not streams;
//! distributes them to its peers by publish, round robin or identity;
//! reconnects by itself; keeps connections alive with heartbeats; buffers
//! while nobody is connected; resends what is not acknowledged, if asked to.
//! It speaks both wires of the Python library `aiomsg`: that of 2019.12.1 and
//! that of 2026.7.1.
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
//! server.send("hello").await?; // waits in a buffer until the client is there
//! assert_eq!(client.recv().await?, "hello");
//! # Ok(()) }
//! ```
//!
//! # Where to find things
//!
//! | item | what it is for |
//! |---|---|
//! | [`Socket`], [`SocketBuilder`] | the socket |
//! | [`SendMode`], [`DeliveryGuarantee`] | who gets a message, and how surely |
//! | [`Endpoint`] | `"host:port"`, `tcp://`, `tls://`, `unix://`, `mem://` |
//! | [`Event`], [`Stats`], [`PeerInfo`], [`PeerStats`] | what is going on |
//! | [`guide`] | layers: which there are, where they go, how to write one |
//! | [`core`], [`layers`], [`transport`] | the pieces that the socket is made of |
//!
//! # Features
//!
//! - `tls` (default): `tls://` endpoints, by rustls.
//! - `system-roots`: `TlsConfigBuilder::trust_system_roots`, by
//!   rustls-native-certs.
//! - `json`: [`Socket::send_json`](Socket) and `recv_json`, by serde.
//! - `balance`: `layers::route::LeastLoaded`, by tower's `p2c::Balance`.

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
pub use aiomsg_layers::route::Overflow;
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

/// What the layers of a socket must be: bounds with names, and the types that a
/// builder chooses with.
pub mod builder {
    pub use crate::socket::builder::{
        AcceptLayer, AcceptService, Acknowledged, ConnectionLayer, Deliverable, DialLayer,
        DialService, Publishes, ReceiveLayer, ReceiveService, SendLayer, SendService, Unset,
    };
}

/// The README's programs compile.
#[cfg(all(doctest, feature = "tls"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// And so do those about security.
#[cfg(all(doctest, feature = "system-roots"))]
#[doc = include_str!("../docs/security.md")]
struct Security;
