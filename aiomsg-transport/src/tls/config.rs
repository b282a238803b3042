//! What a socket needs for TLS, in both roles.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aiomsg_core::{Error, ErrorKind};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    self, ClientConfig, InconsistentKeys, RootCertStore, ServerConfig, SupportedProtocolVersion,
};

use super::pem::Source;
use super::pinned::Trusted;
use super::session::{Client, Server};

const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A certificate and what is trusted, for connecting and for binding. Cheap to
/// clone. What each role needs of it is in the [module's documentation](super).
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
    inner: Arc<Inner>,
}

struct Inner {
    client: Option<Arc<ClientConfig>>,
    server: Option<Arc<ServerConfig>>,
    server_name: Option<ServerName<'static>>,
}

/// Builds a [`TlsConfig`]. Files are read by [`build`](TlsConfigBuilder::build).
#[derive(Clone, Debug, Default)]
pub struct TlsConfigBuilder {
    certificate: Option<(Source, Source)>,
    trust: Vec<Source>,
    server_name: Option<String>,
}

impl TlsConfig {
    /// Nothing presented and nothing trusted yet.
    pub fn builder() -> TlsConfigBuilder {
        TlsConfigBuilder::default()
    }

    /// Settings made with rustls itself, for each role that is used. They are
    /// used as they are.
    pub fn from_rustls(
        client: Option<Arc<ClientConfig>>,
        server: Option<Arc<ServerConfig>>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                server,
                server_name: None,
            }),
        }
    }

    /// The connecting end's part, towards a host.
    pub(crate) fn client(&self, host: &str) -> Result<Client, Error> {
        let config = self.inner.client.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Config).with_reason(
                "connecting with tls needs something to trust; give the peer's certificate, or \
                 that of its authority, to TlsConfig::builder().trust_file(..)",
            )
        })?;
        let name = match &self.inner.server_name {
            Some(name) => name.clone(),
            None => server_name(host)?,
        };
        Ok(Client::new(Arc::clone(config), name))
    }

    /// The binding end's part.
    pub(crate) fn server(&self) -> Result<Server, Error> {
        let config = self.inner.server.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Config).with_reason(
                "binding with tls needs a certificate and its key; give them to \
                 TlsConfig::builder().certificate_files(..)",
            )
        })?;
        Ok(Server::new(Arc::clone(config)))
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("connects", &self.inner.client.is_some())
            .field("binds", &self.inner.server.is_some())
            .field("server_name", &self.inner.server_name)
            .finish_non_exhaustive()
    }
}

// ===== impl TlsConfigBuilder =====

impl TlsConfigBuilder {
    /// Presents the certificate in one PEM file, followed there by those of
    /// its issuers if the peer does not have them, with the private key in
    /// another (or the same).
    #[must_use]
    pub fn certificate_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.certificate = Some((Source::File(certificate.into()), Source::File(key.into())));
        self
    }

    /// As [`certificate_files`](Self::certificate_files), with the content of
    /// the files.
    #[must_use]
    pub fn certificate_pem(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        let source = |role, pem| Source::Bytes { role, pem };
        self.certificate = Some((
            source("certificate", certificate.into()),
            source("key", key.into()),
        ));
        self
    }

    /// Trusts every certificate in a PEM file. May be called repeatedly.
    #[must_use]
    pub fn trust_file(mut self, certificates: impl Into<PathBuf>) -> Self {
        self.trust.push(Source::File(certificates.into()));
        self
    }

    /// As [`trust_file`](Self::trust_file), with the content of the file.
    #[must_use]
    pub fn trust_pem(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        self.trust.push(Source::Bytes {
            role: "trusted",
            pem: certificates.into(),
        });
        self
    }

    /// When connecting, expects this name in the server's certificate in place
    /// of the endpoint's host. A pinned certificate may have any name.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Reads the files and checks what is in them.
    ///
    /// # Errors
    ///
    /// Of kind [`Config`](ErrorKind::Config), naming the file and what is wrong
    /// with it: it cannot be read, there is no certificate or key in it, the
    /// key is not that of the certificate. Also if there is neither anything
    /// to present nor to trust.
    pub fn build(self) -> Result<TlsConfig, Error> {
        if self.certificate.is_none() && self.trust.is_empty() {
            return Err(Error::new(ErrorKind::Config).with_reason(
                "tls with neither a certificate nor anything to trust is of no use; call \
                 certificate_files(..), trust_file(..) or both",
            ));
        }
        // Always this provider: a default for the process may be unset, or
        // ambiguous, depending on what else is linked in.
        let provider = Arc::new(ring::default_provider());
        let server_name = self.server_name.as_deref().map(server_name).transpose()?;
        let trusted = trusted(&self.trust, &provider)?;
        let presented = match &self.certificate {
            Some((certificate, key)) => Some(presented(certificate, key, &provider)?),
            None => None,
        };
        let client = trusted
            .as_ref()
            .map(|trusted| client(trusted, presented.clone()))
            .transpose()?;
        let server = presented
            .map(|presented| server(trusted.as_ref(), presented, provider))
            .transpose()?;
        Ok(TlsConfig {
            inner: Arc::new(Inner {
                client,
                server,
                server_name,
            }),
        })
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(name.to_owned()).map_err(|error| {
        Error::new(ErrorKind::Config)
            .with_reason(format!(
                "\"{name}\" cannot be the name in a certificate; set another with \
                 TlsConfig::builder().server_name(..)"
            ))
            .with_source(error)
    })
}

fn trusted(sources: &[Source], provider: &Arc<CryptoProvider>) -> Result<Option<Trusted>, Error> {
    let mut pinned = Vec::new();
    let mut roots = RootCertStore::empty();
    for source in sources {
        for certificate in source.certificates()? {
            roots
                .add(certificate.clone())
                .map_err(|error| unusable(source, error))?;
            pinned.push(certificate);
        }
    }
    Ok((!pinned.is_empty()).then(|| Trusted {
        pinned: pinned.into(),
        roots: Arc::new(roots),
        provider: Arc::clone(provider),
    }))
}

fn presented(
    certificate: &Source,
    key: &Source,
    provider: &CryptoProvider,
) -> Result<Arc<SingleCertAndKey>, Error> {
    let chain = certificate.certificates()?;
    let private = provider
        .key_provider
        .load_private_key(key.key()?)
        .map_err(|error| {
            key.wrong(format_args!("its private key cannot be used: {error}"))
                .with_source(error)
        })?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
            Ok(Arc::new(certified.into()))
        }
        Err(error @ rustls::Error::InconsistentKeys(_)) => Err(key
            .wrong(format_args!(
                "its private key is not that of the certificate in {certificate}"
            ))
            .with_source(error)),
        Err(error) => Err(unusable(certificate, error)),
    }
}

fn unusable(source: &Source, error: rustls::Error) -> Error {
    source
        .wrong(format_args!("a certificate in it cannot be used: {error}"))
        .with_source(error)
}

fn client(
    trusted: &Trusted,
    presented: Option<Arc<SingleCertAndKey>>,
) -> Result<Arc<ClientConfig>, Error> {
    let verifier = trusted.server_verifier().map_err(internal)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&trusted.provider))
        .with_protocol_versions(VERSIONS)
        .map_err(internal)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok(Arc::new(match presented {
        Some(presented) => builder.with_client_cert_resolver(presented),
        None => builder.with_no_client_auth(),
    }))
}

fn server(
    trusted: Option<&Trusted>,
    presented: Arc<SingleCertAndKey>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<ServerConfig>, Error> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(VERSIONS)
        .map_err(internal)?;
    let builder = match trusted {
        Some(trusted) => {
            let verifier = trusted.client_verifier().map_err(internal)?;
            builder.with_client_cert_verifier(Arc::new(verifier))
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(builder.with_cert_resolver(presented)))
}

/// What rustls refuses although it has all it needs.
fn internal<E: std::error::Error + Send + Sync + 'static>(error: E) -> Error {
    Error::new(ErrorKind::Config)
        .with_reason(error.to_string())
        .with_source(error)
}
