//! The transports of aiomsg, and the steps from a byte stream to a connection of frames.
//!
//! | step | implementation | from | to |
//! |---|---|---|---|
//! | dial | [`Connector`], a `tower::Service` | an [`Endpoint`](aiomsg_core::Endpoint) | an [`Io`] |
//! | resolve | [`SystemResolver`], `DnsResolver`: each a `tower::Service` | a [`Name`](aiomsg_core::Name) | its [`Addresses`](aiomsg_core::Addresses) |
//! | accept | [`Listener`], then [`Acceptor`], a `tower::Service` | an `Endpoint` | an [`Io`] per peer |
//! | handshake | [`handshake`] | an `Io` | the peer's identity and dialect |
//! | encoding, decoding | [`codec`] | frames | the bytes of a dialect |
//! | framing | [`framed`] | an `Io` and a dialect | a [`Connection`](aiomsg_core::Connection) |
//!
//! An [`Io`] hides its transport:
//!
//! | endpoint | transport |
//! |---|---|
//! | `tcp://host:port` | TCP; every address of the host is tried |
//! | `tls://host:port` | TLS 1.2 or 1.3 over TCP, with a `TlsConfig` |
//! | `unix:///path` | a Unix socket; a stale socket file is replaced |
//! | `mem://name` | memory of the process |
//!
//! Nothing here limits the time of a dial, of an accepted peer's TLS or of a handshake:
//! put a timeout around it, such as tower's.
//!
//! ```
//! use aiomsg_core::{Endpoint, Error};
//! use aiomsg_transport::{Connector, ListenOptions, Listener};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tower::{ServiceExt, Service};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let any_port = Endpoint::tcp("127.0.0.1", 0);
//! let mut listener = Listener::bind(&any_port, &ListenOptions::new()).await?;
//!
//! let mut connector = Connector::new();
//! let mut near = connector.ready().await?.call(listener.local_endpoint()).await?;
//! let mut far = listener.accept().await?.secure().await?;
//!
//! near.write_all(b"hello").await?;
//! let mut bytes = [0; 5];
//! far.read_exact(&mut bytes).await?;
//! assert_eq!(&bytes, b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `dns` | no | `DnsResolver`, with hickory-resolver |
//! | `ring` | yes | `tls`, with ring as the provider of cryptography |
//! | `aws-lc-rs` | no | `tls`, with aws-lc-rs as the provider; with both, ring is used |
//! | `tls` | yes | `tls://` endpoints, with rustls; needs one of the two providers |
//! | `system-roots` | no | `TlsConfigBuilder::trust_system_roots`, with rustls-native-certs |

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod certified_identity;
pub mod codec;
pub mod connect;
pub mod framed;
pub mod handshake;
pub mod io;
pub mod listen;
#[cfg(feature = "tls")]
pub mod tls;

mod error;
mod mem;
mod resolve;
mod send_queue;
mod tcp;
#[cfg(unix)]
mod unix;

pub use certified_identity::CertifiedIdentityLayer;
pub use connect::Connector;
pub use io::{Io, IoInfo, RemoteAddr, TlsInfo};
pub use listen::{Acceptor, Incoming, ListenOptions, Listener};
#[cfg(feature = "dns")]
pub use resolve::dns::DnsResolver;
pub use resolve::system::{Resolving, SystemResolver};
