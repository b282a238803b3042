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
//! The public items are in three tiers.
//!
//! **Users** need what is at the root, and now and then a module:
//!
//! | item | contents |
//! |---|---|
//! | [`Socket`], [`SocketBuilder`], [`WeakSocket`] | the socket, and a handle that does not keep it alive |
//! | [`Outbound`], [`Delivery`] | a message to send, and one that arrived |
//! | [`SendMode`], [`DeliveryGuarantee`], [`AckMode`] | distribution, guarantee, acknowledgement |
//! | [`Endpoint`], [`Identity`] | `"host:port"`, `tcp://`, `tls://`, `unix://`, `mem://`; who a peer is |
//! | [`Event`], [`Events`] | what happens to a socket |
//! | [`builder`], [`message`], [`peer`] | further types of settings, messages and peers |
//! | [`resolve`] | names, and who resolves them |
//! | [`send`], [`receive`], [`close`], [`stats`] | what the methods of a socket return |
//!
//! **Authors of layers** need [`layer`]: the bounds at each level, connections and frames,
//! policies, and the layers of the standard behaviours. [`guide`] is the guide to layers.
//!
//! **Parts**: [`parts`] has the crates that a socket is made of, for stacks by hand. They
//! are less stable than the other tiers.
//!
//! # Features
//!
//! - `tls` (default): `tls://` endpoints, with rustls. It needs a provider of cryptography:
//!   `ring` (default) or `aws-lc-rs`, each of which turns `tls` on. With both, ring is used.
//! - `system-roots`: `TlsConfigBuilder::trust_system_roots`, with
//!   rustls-native-certs.
//! - `websocket`: `ws://` and `wss://` endpoints, and browsers at bound ones, with
//!   tungstenite.
//! - `json`: [`Socket::send_json`](Socket), `recv_json`, and handlers of JSON, with serde.
//! - `dns`: [`Socket::connect_all`] by DNS, with the TTLs and SRV records, with
//!   hickory-resolver.
//! - `spool`: messages that outlive the process, by SQLite.
//! - `jetstream`: a spool on NATS servers, by async-nats.
//! - `opentelemetry`: traces across messages, by tracing-opentelemetry.
//! - `metrics`: `aiomsg::metrics`: counters, gauges and histograms of sockets and layers, for
//!   any recorder of the metrics crate.
//! - `balance`: `parts::layers::distribute::Loaded`, a peer for tower's `p2c::Balance`.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod engine;
#[cfg(feature = "metrics")]
pub mod metrics;
mod router;
mod socket;

pub use aiomsg_core::{Delivery, Endpoint, Error, ErrorKind, Identity, Limits, Outbound};
#[cfg(feature = "tls")]
pub use aiomsg_transport::tls::TlsConfig;

pub use engine::events::{Event, Events};
pub use socket::builder::{AckMode, DeliveryGuarantee, SendMode, SocketBuilder};
pub use socket::{Socket, WeakSocket};

#[doc = include_str!("../docs/layers.md")]
pub mod guide {}

// ===== for users =====

/// What a [`SocketBuilder`] chooses with.
pub mod builder {
    pub use crate::socket::builder::{Acknowledged, Deliverable, Publishes, Unset};
    pub use aiomsg_core::Dialect;
    pub use aiomsg_layers::Overflow;
    pub use aiomsg_transport::handshake::Dialects;
}

/// What belongs to a message.
pub mod message {
    pub use aiomsg_core::{DropReason, HeaderLimits, Headers, IntoPayload, MessageId, Target};
}

/// Who a peer is, and how it is connected.
pub mod peer {
    pub use crate::engine::peer::PeerInfo;
    pub use aiomsg_core::certificate::{Certificate, CertificateName, Fingerprint};
    pub use aiomsg_transport::{CertifiedIdentityLayer, RemoteAddr, TlsInfo};
}

/// The send path as a type: the `S` of a [`Socket<S>`](Socket).
pub mod send {
    pub use crate::engine::stack::{StandardFuture, StandardSend};
    pub use crate::socket::builder::BoxedSend;
    pub use crate::socket::service::SendFuture;
}

/// Streams of received messages, and services that handle them.
pub mod receive {
    pub use crate::router::{Router, RouterFuture, RouterReply};
    pub use crate::socket::serve::Serve;
    pub use crate::socket::serve::handler::{
        AsFunction, AsService, Handler, HandlerFn, HandlerFuture,
    };
    #[cfg(feature = "json")]
    pub use crate::socket::serve::json::{AsJson, Json, JsonFn, JsonFuture};
    pub use crate::socket::streams::{Deliveries, IdentityMessages, Messages};
    pub use aiomsg_core::{IntoOutcome, IntoReply};
    pub use aiomsg_layers::request::names;
}

/// What is left of a socket that has closed, or waits in one that was drained.
pub mod close {
    pub use crate::engine::leftover::{CloseReport, Unconfirmed};
    pub use crate::engine::waiting::DrainReport;
}

/// Names and their addresses, for [`Socket::connect_all`](crate::Socket::connect_all).
pub mod resolve {
    pub use aiomsg_core::{Addresses, Name};
    #[cfg(feature = "dns")]
    pub use aiomsg_transport::DnsResolver;
    pub use aiomsg_transport::SystemResolver;
}

/// Counters of a socket and of its peers, its recent failures, and how long things take.
pub mod stats {
    pub use crate::engine::failures::{Failure, FailureKind};
    pub use crate::engine::peer_stats::PeerStats;
    pub use crate::engine::stats::{Drops, FailuresByKind, Stats};
    pub use crate::engine::timings::Timings;
}

/// Messages that outlive the process.
#[cfg(feature = "spool")]
#[doc(inline)]
pub use aiomsg_spool as spool;

/// Traces across messages: layers that make spans, and carry their context in headers.
#[cfg(feature = "opentelemetry")]
#[doc(inline)]
pub use aiomsg_opentelemetry as opentelemetry;

/// Settings of TLS, and the types of rustls that they take.
#[cfg(feature = "tls")]
pub mod tls {
    pub use aiomsg_transport::tls::{TlsConfigBuilder, default_provider, rustls};
}

/// Which peers are accepted by WebSocket, and the layer that does it.
#[cfg(feature = "websocket")]
pub mod websocket {
    pub use aiomsg_transport::websocket::{WebSocketGuard, WebSocketLayer};
}

// ===== for authors of layers =====

/// What people who write layers need.
///
/// | level | what a layer wraps | the bound | more |
/// |---|---|---|---|
/// | send | [`StandardSend`](crate::send::StandardSend) | [`SendLayer`](layer::SendLayer) | a `Service` of [`Outbound`] |
/// | receive | [`ReceivePath`](layer::ReceivePath) | [`ReceiveLayer`](layer::ReceiveLayer) | a `Service` of [`Delivery`] |
/// | connection | [`PeerConnection`](layer::PeerConnection) | [`ConnectionLayer`](layer::ConnectionLayer) | [`FrameHook`](layer::FrameHook), [`arriving_fn`](layer::arriving_fn), [`Connection`](layer::Connection) |
/// | dial | [`DialPath`](layer::DialPath) | [`DialLayer`](layer::DialLayer) | a `Service` of [`Endpoint`] |
/// | accept | [`AcceptPath`](layer::AcceptPath) | [`AcceptLayer`](layer::AcceptLayer) | a `Service` of [`Incoming`](layer::Incoming) |
/// | peers | a [`PeerSet`](layer::PeerSet) | [`Policy`](layer::Policy) | which peers get a message: a [`Pick`](layer::Pick) |
///
/// The layers of the standard behaviours are here as well. [The guide](crate::guide) shows
/// how to write one.
pub mod layer {
    pub use crate::engine::path::{AcceptPath, DialPath, Path, PathFuture, ReceivePath};
    pub use crate::engine::peer_connection::PeerConnection;
    pub use crate::socket::builder::{
        AcceptLayer, AcceptService, ConnectionLayer, DialLayer, DialService, ReceiveLayer,
        ReceiveService, SendLayer, SendService,
    };
    pub use aiomsg_core::connection::{
        ArrivingFn, Connection, FrameHook, FrameSource, FrameStream, FrameVisitor, HookLayer,
        Hooked, Identified, LeavingFn, OneByOne, PeerHookLayer, SinkStream, arriving_fn,
        leaving_fn,
    };
    pub use aiomsg_core::{
        Acker, BoxError, Discard, Discarded, Frame, Link, MessageWithHeaders, Weight,
    };
    pub use aiomsg_layers::dedup::DedupLimits;
    pub use aiomsg_layers::distribute::{
        Distribute, LeastLoaded, PeerSet, Pick, Policy, Publish, RoundRobin,
    };
    pub use aiomsg_layers::queue::{Peer, Queue};
    pub use aiomsg_layers::topics::{
        SubscribeLayer, Subscriptions, TopicLimits, Topics, TopicsLayer,
    };
    pub use aiomsg_layers::{
        AcknowledgeLayer, AnswersLayer, AtLeastOnceLayer, BufferLayer, ByIdentityLayer, DedupLayer,
        HeartbeatLayer, ReconnectLayer, ReplyLayer, RequestLayer, Requests,
    };
    pub use aiomsg_transport::{Incoming, Io, IoInfo};
}

// ===== parts =====

/// The crates that a socket is made of, for stacks put together by hand.
///
/// They are public so that nothing is out of reach, and less stable than the rest: a
/// release of this crate may change them without notice in its own version.
pub mod parts {
    pub use aiomsg_core as vocabulary;
    pub use aiomsg_layers as layers;
    pub use aiomsg_transport as transport;
}

/// Compiles the README's programs.
#[cfg(all(doctest, feature = "tls"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Runs the programs of the page for people who know another library.
#[cfg(doctest)]
#[doc = include_str!("../docs/coming-from.md")]
struct ComingFrom;

/// Runs the programs of the page on faults of all kinds.
#[cfg(doctest)]
#[doc = include_str!("../docs/troubleshooting.md")]
struct Troubleshooting;

/// Runs the programs of the page on durability.
#[cfg(all(doctest, feature = "jetstream"))]
#[doc = include_str!("../docs/durability.md")]
struct Durability;

/// Compiles the programs of the page on security.
#[cfg(all(doctest, feature = "system-roots", feature = "websocket"))]
#[doc = include_str!("../docs/security.md")]
struct Security;

/// Runs the programs of the page on what can be seen from outside.
#[cfg(all(doctest, feature = "metrics", feature = "opentelemetry"))]
#[doc = include_str!("../docs/observability.md")]
struct Observability;
