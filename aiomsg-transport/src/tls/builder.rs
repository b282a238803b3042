//! The builder of TLS settings, from files and bytes.

use std::path::PathBuf;
use std::sync::Arc;

use aiomsg_core::error::{Error, ErrorKind, Remedy};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::{NoServerSessionStorage, ParsedCertificate};
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, InconsistentKeys, RootCertStore, ServerConfig,
    SupportedProtocolVersion,
};

use super::asked::Noting;
use super::config::{Made, NO_CERTIFICATE, NotForBinding, TlsConfig, server_name};
use super::pem::{Pem, Source};
use super::provider::{KEYS, Sha256, default_provider};
use super::trust::Trusted;
use super::{chain, key};

const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// Why there are no settings for binding although there is a certificate.
const WHO_MAY_CONNECT: NotForBinding = NotForBinding {
    reason: "whom to accept is not said: the system's authorities are for connecting only, or \
             anyone with a certificate of the web could connect; \
             without_client_certificates() accepts everyone",
    remedy: Remedy::Trust,
};

/// A builder for a [`TlsConfig`]. [`build`](TlsConfigBuilder::build) reads the files, and
/// [`TlsConfig::reload`] reads them again.
#[derive(Clone, Debug, Default)]
pub struct TlsConfigBuilder {
    certificate: Option<(Source, Source)>,
    trust: Vec<Source>,
    pin: Vec<Source>,
    system_roots: bool,
    without_client_certificates: bool,
    server_name: Option<String>,
}

/// The contents of the files for one build.
pub(super) struct Read {
    certificate: Option<(Pem, Pem)>,
    trust: Vec<Pem>,
    pin: Vec<Pem>,
    pub(super) digest: [u8; 32],
}

impl TlsConfigBuilder {
    // ===== our certificate =====

    /// Presents the certificate in one PEM file, with the private key in another (or the
    /// same). If the peer does not have the certificates of the issuers, they follow in
    /// the first file.
    #[must_use]
    pub fn certificate_files(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.certificate = Some((Source::File(certificate.into()), Source::File(key.into())));
        self
    }

    /// Presents a certificate and key like [`certificate_files`](Self::certificate_files),
    /// given the contents of the files.
    #[must_use]
    pub fn certificate_pem(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.certificate = Some((
            Source::bytes("certificate", certificate),
            Source::bytes("key", key),
        ));
        self
    }

    // ===== trust =====

    /// Trusts every certificate in a PEM file: to issue others, and when a peer presents
    /// it. May be called repeatedly.
    #[must_use]
    pub fn trust_file(mut self, certificates: impl Into<PathBuf>) -> Self {
        self.trust.push(Source::File(certificates.into()));
        self
    }

    /// Trusts certificates like [`trust_file`](Self::trust_file), given the content of the
    /// file.
    #[must_use]
    pub fn trust_pem(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        self.trust.push(Source::bytes("trusted", certificates));
        self
    }

    /// Trusts every certificate in a PEM file when a peer presents it, and none that it
    /// has issued. May be called repeatedly.
    ///
    /// The peer proves that it holds the key. Names, dates and issuer are *not* checked:
    /// the pin is the whole statement. Remove it to end the trust. Further certificates
    /// that the peer sends behind its own do not matter.
    #[must_use]
    pub fn pin_file(mut self, certificates: impl Into<PathBuf>) -> Self {
        self.pin.push(Source::File(certificates.into()));
        self
    }

    /// Pins certificates like [`pin_file`](Self::pin_file), given the content of the file.
    #[must_use]
    pub fn pin_pem(mut self, certificates: impl Into<Vec<u8>>) -> Self {
        self.pin.push(Source::bytes("pinned", certificates));
        self
    }

    /// Trusts the system's authorities when connecting, for servers with a certificate of
    /// the web. `build` reads them from the system's place, or from that of the
    /// environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    ///
    /// They never admit a peer that connects to us, since anyone can get a certificate
    /// from them. So if nothing else is trusted, binding fails, unless
    /// [`without_client_certificates`] lets everyone connect.
    ///
    /// [`without_client_certificates`]: Self::without_client_certificates
    #[cfg(feature = "system-roots")]
    #[must_use]
    pub fn trust_system_roots(mut self) -> Self {
        self.system_roots = true;
        self
    }

    /// Demands no certificate of peers when binding, although something is trusted.
    /// Trust is then for connecting only, and everyone may connect.
    #[must_use]
    pub fn without_client_certificates(mut self) -> Self {
        self.without_client_certificates = true;
        self
    }

    /// Expects this name in the server's certificate when connecting, in place of the
    /// endpoint's host. A pinned certificate may have any name.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    // ===== building =====

    /// Reads the files and checks their contents.
    ///
    /// # Errors
    ///
    /// Of kind [`Config`](ErrorKind::Config), naming the file and its fault: it cannot be
    /// read, it has no certificate or key, the key is not that of the certificate. Also if
    /// there is neither a certificate to present nor one to trust.
    pub fn build(self) -> Result<TlsConfig, Error> {
        let nothing = self.certificate.is_none() && self.trust.is_empty() && self.pin.is_empty();
        if nothing && !self.system_roots {
            return Err(Error::new(ErrorKind::Config).with_reason(
                "tls with neither a certificate nor anything to trust is of no use; call \
                 certificate_files(..), trust_file(..) or both",
            ));
        }
        let read = self.read()?;
        Ok(TlsConfig::new(self.make(&read)?))
    }

    /// Whether any setting comes from a file.
    pub(super) fn has_files(&self) -> bool {
        let certificate = self.certificate.iter().flat_map(|(one, two)| [one, two]);
        let mut sources = certificate.chain(&self.trust).chain(&self.pin);
        self.system_roots || sources.any(|source| matches!(source, Source::File(_)))
    }

    pub(super) fn read(&self) -> Result<Read, Error> {
        let mut digest = Sha256::new();
        let mut read = |source: &Source| {
            let pem = source.read()?;
            digest.update(&pem.bytes().len().to_be_bytes());
            digest.update(pem.bytes());
            Ok(pem)
        };
        let certificate = match &self.certificate {
            Some((certificate, key)) => Some((read(certificate)?, read(key)?)),
            None => None,
        };
        let trust = self
            .trust
            .iter()
            .map(&mut read)
            .collect::<Result<_, Error>>()?;
        let pin = self
            .pin
            .iter()
            .map(&mut read)
            .collect::<Result<_, Error>>()?;
        Ok(Read {
            certificate,
            trust,
            pin,
            digest: digest.finish(),
        })
    }

    pub(super) fn make(&self, read: &Read) -> Result<Made, Error> {
        let provider = Arc::new(default_provider());
        let name = self.server_name.as_deref().map(server_name).transpose()?;
        // Each role has its own: the system's authorities are for one of them.
        let of_peers = trusted(read, &provider)?;
        #[cfg_attr(not(feature = "system-roots"), expect(unused_mut))]
        let mut of_servers = of_peers.clone();
        #[cfg(feature = "system-roots")]
        if self.system_roots {
            system_roots(&mut of_servers.roots)?;
        }
        let presented = match &read.certificate {
            Some((certificate, key)) => Some(presented(certificate, key, &provider)?),
            None => None,
        };
        let client = match of_servers.is_empty() {
            true => None,
            false => Some(client(of_servers, presented.clone())?),
        };
        let server = match presented {
            None => Err(NO_CERTIFICATE),
            Some(presented) if self.without_client_certificates => {
                Ok(server(None, presented, provider)?)
            }
            Some(_) if of_peers.is_empty() && self.system_roots => Err(WHO_MAY_CONNECT),
            Some(presented) if of_peers.is_empty() => Ok(server(None, presented, provider)?),
            Some(presented) => Ok(server(Some(of_peers), presented, provider)?),
        };
        Ok(Made {
            client,
            server,
            server_name: name,
            origin: Some((self.clone(), read.digest)),
        })
    }
}

fn trusted(read: &Read, provider: &Arc<CryptoProvider>) -> Result<Trusted, Error> {
    let (mut pinned, mut roots) = (Vec::new(), RootCertStore::empty());
    for pem in &read.trust {
        for (at, certificate) in pem.certificates()?.into_iter().enumerate() {
            let added = roots.add(certificate.clone());
            added.map_err(|error| unusable(pem, at, &error))?;
            pinned.push(certificate);
        }
    }
    for pem in &read.pin {
        for (at, certificate) in pem.certificates()?.into_iter().enumerate() {
            let parsed = ParsedCertificate::try_from(&certificate);
            parsed.map_err(|error| unusable(pem, at, &error))?;
            pinned.push(certificate);
        }
    }
    Ok(Trusted {
        pinned: pinned.into(),
        roots,
        provider: Arc::clone(provider),
    })
}

#[cfg(feature = "system-roots")]
fn system_roots(roots: &mut RootCertStore) -> Result<(), Error> {
    let found = rustls_native_certs::load_native_certs();
    // Some systems have invalid ones among them.
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        tracing::debug!(added, ignored, "the system's authorities");
        return Ok(());
    }
    use rustls_native_certs::ErrorKind as Why;
    let why = match found.errors.first() {
        // Its text would repeat the content of the file.
        Some(error) if matches!(error.kind, Why::Pem(_)) => {
            format!("{}: a file is not well-formed pem", error.context)
        }
        Some(error) => error.to_string(),
        None => "there are none where they are looked for".to_owned(),
    };
    Err(Error::new(ErrorKind::Config)
        .with_reason(format!("the system's authorities cannot be used: {why}")))
}

fn presented(
    certificate: &Pem,
    key: &Pem,
    provider: &CryptoProvider,
) -> Result<Arc<SingleCertAndKey>, Error> {
    let chain = certificate.certificates()?;
    let read = key.key()?;
    // The parser's error stays here: its input is secret.
    let private = provider.key_provider.load_private_key(read.clone_key());
    let private = private.map_err(|_| {
        key.wrong(format_args!(
            "its private key cannot be used: {}; one of {KEYS} can",
            key::refused(&read)
        ))
    })?;
    match fits(&chain, &private) {
        Ok(true) => {
            if let Some(at) = chain::malformed(&chain) {
                return Err(unusable(
                    certificate,
                    at,
                    &CertificateError::BadEncoding.into(),
                ));
            }
            if let Some(position) = chain::out_of_order(&chain) {
                tracing::warn!(
                    file = %certificate,
                    position,
                    "the certificates are in the wrong order: this one did not issue the one \
                     before it, and some peers will refuse the chain"
                );
            }
            Ok(Arc::new(CertifiedKey::new(chain, private).into()))
        }
        Ok(false) => {
            let later =
                (1..chain.len()).find(|&at| matches!(fits(&chain[at..], &private), Ok(true)));
            Err(match later {
                Some(at) => certificate.wrong(format_args!(
                    "its certificates are in the wrong order: the private key in {key} is that of \
                     number {}, which must be the first, followed by those of its issuers",
                    at + 1
                )),
                None => key.wrong(format_args!(
                    "its private key is not that of the certificate in {certificate}"
                )),
            })
        }
        Err(error) => Err(unusable(certificate, 0, &error)),
    }
}

/// Whether a key belongs to the first certificate.
fn fits(
    chain: &[CertificateDer<'static>],
    private: &Arc<dyn SigningKey>,
) -> Result<bool, rustls::Error> {
    let first = chain.iter().take(1).cloned().collect();
    match CertifiedKey::new(first, Arc::clone(private)).keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(true),
        Err(rustls::Error::InconsistentKeys(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The error for a certificate, counted from 0, in our own words: the texts of rustls are
/// about a peer, and some repeat bytes.
fn unusable(pem: &Pem, at: usize, error: &rustls::Error) -> Error {
    use CertificateError as Why;
    use rustls::Error as Tls;
    let why = match error {
        Tls::InvalidCertificate(Why::BadEncoding) => "it is damaged, or not one of X.509",
        Tls::InvalidCertificate(Why::UnhandledCriticalExtension) => {
            "it has a critical extension that is not supported"
        }
        Tls::InvalidCertificate(Why::Other(other))
            if format!("{other:?}").contains("UnsupportedCertVersion") =>
        {
            "it is of a version of X.509 before 3"
        }
        _ => "it is not one for TLS",
    };
    pem.wrong(format_args!(
        "a certificate in it cannot be used: number {}: {why}",
        at + 1
    ))
}

fn client(
    trusted: Trusted,
    presented: Option<Arc<SingleCertAndKey>>,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::clone(&trusted.provider);
    let verifier = trusted.server_verifier().map_err(internal)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(VERSIONS)
        .map_err(internal)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = builder.with_client_cert_resolver(Arc::new(Noting(presented)));
    // The certificate of a resumed session is not verified again, so it would be
    // accepted after its last day.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn server(
    trusted: Option<Trusted>,
    presented: Arc<SingleCertAndKey>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<ServerConfig>, Error> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(VERSIONS)
        .map_err(internal)?;
    let Some(trusted) = trusted else {
        let config = builder.with_no_client_auth().with_cert_resolver(presented);
        return Ok(Arc::new(config));
    };
    let verifier = trusted.client_verifier().map_err(internal)?;
    let mut config = builder
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(presented);
    // As on the connecting end. rustls issues tickets that need no storage only on
    // request.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// What rustls refuses although it has all it needs.
fn internal<E: std::error::Error + Send + Sync + 'static>(error: E) -> Error {
    Error::new(ErrorKind::Config).with_source(error)
}
