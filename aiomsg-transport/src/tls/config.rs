//! The TLS settings of a socket, for both roles.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aiomsg_core::sync::Mutex;

use aiomsg_core::error::{Error, ErrorKind, Remedy};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};

use super::builder::TlsConfigBuilder;
use super::session::{Client, Server};

/// TLS settings, for connecting and for binding: a certificate and the trusted ones.
///
/// Clones are cheap, and share the settings, also after a [reload](Self::reload). The
/// [module](super) lists the needs of each role.
///
/// # Examples
///
/// ```
/// use aiomsg_transport::tls::TlsConfig;
///
/// let error = TlsConfig::builder()
///     .trust_file("no/such/file.cert")
///     .build()
///     .unwrap_err();
/// assert!(error.is_config());
/// assert!(error.to_string().contains("no/such/file.cert"));
/// ```
#[derive(Clone)]
pub struct TlsConfig {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    /// Read as a whole for each connection, so a change falls between two.
    current: RwLock<Arc<Made>>,
    /// Serializes changes, so that an older one never replaces a newer one.
    pub(super) changing: Mutex<()>,
}

/// Settings in the form of rustls.
pub(super) struct Made {
    pub(super) client: Option<Arc<ClientConfig>>,
    /// The settings for binding, or the reason why there are none.
    pub(super) server: Result<Arc<ServerConfig>, NotForBinding>,
    pub(super) server_name: Option<ServerName<'static>>,
    /// Their source, and the digest of the files that were read.
    pub(super) origin: Option<(TlsConfigBuilder, [u8; 32])>,
}

/// The reason why there are no settings for binding, and the setting that is missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct NotForBinding {
    pub(super) reason: &'static str,
    pub(super) remedy: Remedy,
}

pub(super) const NO_CERTIFICATE: NotForBinding = NotForBinding {
    reason: "binding with tls needs a certificate and its key",
    remedy: Remedy::Certificate,
};

impl TlsConfig {
    /// Returns a builder without a certificate and without trust.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::default()
    }

    /// Creates settings from rustls configurations, one for each role in use.
    ///
    /// They are used unchanged. rustls resumes sessions by default, and does not verify the
    /// certificate of a resumed session again, although it may have expired.
    /// `ClientConfig::resumption`, `ServerConfig::session_storage` and
    /// `ServerConfig::ticketer` control resumption.
    pub fn from_rustls(
        client: Option<Arc<ClientConfig>>,
        server: Option<Arc<ServerConfig>>,
    ) -> Self {
        Self::new(Made {
            client,
            server: server.ok_or(NO_CERTIFICATE),
            server_name: None,
            origin: None,
        })
    }

    pub(super) fn new(made: Made) -> Self {
        Self {
            inner: Arc::new(Inner {
                current: RwLock::new(Arc::new(made)),
                changing: Mutex::new(()),
            }),
        }
    }

    pub(super) fn current(&self) -> Arc<Made> {
        let current = self.inner.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, made: Arc<Made>) {
        let current = self.inner.current.write();
        *current.unwrap_or_else(PoisonError::into_inner) = made;
    }

    /// Performs the handshake of the connecting end, towards a host.
    pub(crate) fn client(&self, host: &str) -> Result<Client, Error> {
        let made = self.current();
        let config = made.client.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Config)
                .with_reason("connecting with tls needs something to trust")
                .with_remedy(Remedy::Trust)
        })?;
        let name = match &made.server_name {
            Some(name) => name.clone(),
            // The zone of an address means something on this machine only.
            None => server_name(host.split_once('%').map_or(host, |(address, _)| address))?,
        };
        let notes = made.origin.is_some();
        Ok(Client::new(Arc::clone(config), name, notes))
    }

    /// Performs the handshake of the binding end.
    pub(crate) fn server(&self) -> Result<Server, Error> {
        self.server_config()?;
        Ok(Server::new(self.clone()))
    }

    /// Returns the settings for the next handshake of the binding end.
    pub(super) fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        let server = self.current().server.clone();
        server.map_err(|lack| {
            Error::new(ErrorKind::Config)
                .with_reason(lack.reason)
                .with_remedy(lack.remedy)
        })
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = self.current();
        f.debug_struct("TlsConfig")
            .field("connects", &made.client.is_some())
            .field("binds", &made.server.is_ok())
            .field("server_name", &made.server_name)
            .finish_non_exhaustive()
    }
}

pub(super) fn server_name(name: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(name.to_owned()).map_err(|error| {
        Error::new(ErrorKind::Config)
            .with_reason(format!("\"{name}\" cannot be the name in a certificate"))
            .with_remedy(Remedy::ServerName)
            .with_source(error)
    })
}
