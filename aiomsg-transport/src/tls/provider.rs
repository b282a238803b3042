//! The provider of cryptography: ring, or aws-lc-rs where only that is on.
//!
//! The provider is a choice of the build. A default of the process may be unset, or
//! ambiguous, depending on what else is linked in.

use tokio_rustls::rustls::crypto::CryptoProvider;

#[cfg(not(any(feature = "ring", feature = "aws-lc-rs")))]
compile_error!(
    "the feature `tls` needs a provider of cryptography: turn on the feature `ring` (the default) \
     or `aws-lc-rs`; either turns `tls` on as well"
);

#[cfg(feature = "ring")]
mod chosen {
    pub(super) use ring::digest::{Context, SHA256};
    pub(super) use tokio_rustls::rustls::crypto::ring::default_provider;

    pub(in super::super) const KEYS: &str = "rsa with 2048 to 4096 bits, p-256, p-384 or ed25519";
}

#[cfg(all(feature = "aws-lc-rs", not(feature = "ring")))]
mod chosen {
    pub(super) use aws_lc_rs::digest::{Context, SHA256};
    pub(super) use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;

    pub(in super::super) const KEYS: &str =
        "rsa with 2048 to 8192 bits, p-256, p-384, p-521 or ed25519";
}

/// The private keys that the provider accepts.
pub(super) use chosen::KEYS;

/// Returns the provider of cryptography of this build: that of ring with the feature
/// `ring`, and otherwise that of aws-lc-rs.
///
/// It serves rustls configurations for [`TlsConfig::from_rustls`](super::TlsConfig).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use aiomsg_transport::tls::{TlsConfig, default_provider, rustls};
///
/// let client = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
///     .with_safe_default_protocol_versions()?
///     .with_root_certificates(rustls::RootCertStore::empty())
///     .with_no_client_auth();
/// let tls = TlsConfig::from_rustls(Some(Arc::new(client)), None);
/// # Ok::<(), rustls::Error>(())
/// ```
pub fn default_provider() -> CryptoProvider {
    chosen::default_provider()
}

/// A SHA-256 under way.
pub(super) struct Sha256(chosen::Context);

impl Sha256 {
    pub(super) fn new() -> Self {
        Self(chosen::Context::new(&chosen::SHA256))
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        bytes
    }
}
