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
//! | named with | accepted | checked |
//! |---|---|---|
//! | [`pin_file`](TlsConfigBuilder::pin_file) | a peer that presents exactly this certificate | that it holds the key |
//! | [`trust_file`](TlsConfigBuilder::trust_file) | that, too; and what it has issued, directly or through others that the peer presents along | for what it has issued: dates, uses, and of a server the name: the host of the endpoint, or [`server_name`](TlsConfigBuilder::server_name) |
//! | `trust_system_roots` (feature `system-roots`) | when connecting, what the authorities of the system have issued | the same |
//!
//! All of it is checked for each connection anew. No session is resumed where there
//! is a certificate to verify: one that has expired, or is trusted no more, would be
//! accepted for as long as its sessions last.
//!
//! Each has a twin that takes the content in place of the file. Nothing else is
//! trusted.
//!
//! Of a certificate that is presented exactly as it was given, names and dates
//! are *not* checked, nor what the peer sends along with it: whoever named it
//! has vouched for it. To end that trust, take it out, and
//! [reload](TlsConfig::reload). This is what makes a self-signed certificate
//! work on both ends, as made by this:
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

mod asked;
mod blocks;
mod builder;
mod certificate;
mod chain;
mod config;
mod counted;
mod error;
mod key;
mod pem;
mod reload;
mod session;
mod trust;
mod unanswered;

pub use builder::TlsConfigBuilder;
pub use config::TlsConfig;
/// The version of rustls that [`TlsConfig::from_rustls`] takes.
pub use tokio_rustls::rustls;

pub(crate) use error::{explain, missing};
pub(crate) use session::Server;
