//! TLS 1.2 and 1.3, by rustls with the ring provider.
//!
//! One [`TlsConfig`] serves both roles:
//!
//! | | needs | verifies the peer |
//! |---|---|---|
//! | connecting | something to trust | always |
//! | binding | a certificate and its key | if anything is trusted: then a peer without a certificate is refused (mutual TLS) |
//!
//! # What is trusted
//!
//! A certificate that is given as trusted is used in two ways:
//!
//! - **Pinned**: a peer that presents exactly this certificate, and proves that
//!   it holds the key, is accepted. Its name and its dates are *not* checked:
//!   whoever gave it as trusted has vouched for it. To end that trust, take it
//!   out.
//! - **As an authority**: a peer whose certificate was issued by it, directly
//!   or through others that the peer presents along, is accepted if names (of
//!   a server: the host of the endpoint, or [`TlsConfigBuilder::server_name`]),
//!   dates and uses are in order.
//!
//! Nothing else is trusted; the system's own authorities are not. Pinning is
//! what makes a self-signed certificate work on both ends, as made by this:
//!
//! ```text
//! openssl req -newkey rsa:2048 -nodes -keyout server.key -x509 -days 365 \
//!     -out server.cert -subj '/C=GB/ST=Blah/L=Blah/O=Blah/OU=Blah/CN=example.com'
//! ```
//!
//! ```no_run
//! use aiomsg_transport::{Connector, ListenOptions, tls::TlsConfig};
//!
//! // The same on both ends: each presents the certificate, and trusts it.
//! let tls = TlsConfig::builder()
//!     .certificate_files("server.cert", "server.key")
//!     .trust_file("server.cert")
//!     .build()?;
//! let listen = ListenOptions::new().tls(tls.clone());
//! let connector = Connector::new().tls(tls);
//! # Ok::<(), aiomsg_core::Error>(())
//! ```

mod certificate;
mod config;
mod counted;
mod error;
mod pem;
mod pinned;
mod session;

pub use config::{TlsConfig, TlsConfigBuilder};
/// The version of rustls that [`TlsConfig::from_rustls`] takes.
pub use tokio_rustls::rustls;

pub(crate) use error::{explain, missing};
pub(crate) use session::Server;
