//! TLS 1.2 and 1.3, with rustls, and ring or aws-lc-rs as its provider.
//!
//! One [`TlsConfig`] serves both roles:
//!
//! | | needs | verifies the peer |
//! |---|---|---|
//! | connecting | a trusted certificate | always |
//! | binding | a certificate and its key | if anything is trusted: then a peer without a certificate is refused (mutual TLS) |
//!
//! # Trust
//!
//! | setting | accepts | checks |
//! |---|---|---|
//! | [`pin_file`](TlsConfigBuilder::pin_file) | a peer that presents this certificate | that it holds the key |
//! | [`trust_file`](TlsConfigBuilder::trust_file) | the same; and certificates that it has issued, directly or through others that the peer presents along | for issued ones: dates, uses, and the name of a server: the host of the endpoint, or [`server_name`](TlsConfigBuilder::server_name) |
//! | `trust_system_roots` (feature `system-roots`) | when connecting, certificates that the system's authorities have issued | the same |
//!
//! All checks run for each connection. No session is resumed where there is a certificate
//! to verify: an expired or no longer trusted one would be accepted for as long as its
//! sessions last.
//!
//! The file settings have twins that take the content in place of the file. Nothing else
//! is trusted.
//!
//! For a certificate that is itself trusted, names and dates are *not* checked, nor any
//! certificate that the peer sends along: the setting vouches for it. To end the trust,
//! remove the setting, and [reload](TlsConfig::reload). So a self-signed certificate works
//! on both ends. This command makes one:
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
mod provider;
mod reload;
mod session;
mod trust;
mod unanswered;

pub use builder::TlsConfigBuilder;
pub use config::TlsConfig;
pub use error::is_about_certificates;
pub use provider::default_provider;
/// The version of rustls for [`TlsConfig::from_rustls`].
pub use tokio_rustls::rustls;

pub(crate) use error::{explain, missing};
pub(crate) use session::Server;
