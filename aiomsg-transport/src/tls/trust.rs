//! Verifiers that accept a certificate which is itself trusted, and leave all others to
//! web-PKI verification.
//!
//! Accepting a certificate is one half: the peer must also sign the handshake, and a
//! verifier checks that signature with the certificate's key. Pinned certificates get that
//! check like all others.

use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::VerifierBuilderError;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

/// The trusted certificates of one role.
#[derive(Debug, Clone)]
pub(super) struct Trusted {
    /// Certificates accepted when presented.
    pub(super) pinned: Arc<[CertificateDer<'static>]>,
    /// Certificates trusted to issue others.
    pub(super) roots: RootCertStore,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Trusted {
    pub(super) fn is_empty(&self) -> bool {
        self.pinned.is_empty() && self.roots.is_empty()
    }

    pub(super) fn server_verifier(self) -> Result<ServerVerifier, VerifierBuilderError> {
        let web_pki = match self.roots.is_empty() {
            true => None,
            false => Some(
                WebPkiServerVerifier::builder_with_provider(
                    self.roots.into(),
                    Arc::clone(&self.provider),
                )
                .build()?,
            ),
        };
        Ok(ServerVerifier {
            pinned: self.pinned,
            web_pki,
            provider: self.provider,
        })
    }

    pub(super) fn client_verifier(self) -> Result<ClientVerifier, VerifierBuilderError> {
        let web_pki = match self.roots.is_empty() {
            true => None,
            false => Some(
                WebPkiClientVerifier::builder_with_provider(
                    self.roots.into(),
                    Arc::clone(&self.provider),
                )
                .build()?,
            ),
        };
        Ok(ClientVerifier {
            pinned: self.pinned,
            web_pki,
            provider: self.provider,
        })
    }
}

/// Verifies servers, for the connecting end.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    pinned: Arc<[CertificateDer<'static>]>,
    /// The verifier of issued certificates, if there are authorities.
    web_pki: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

/// Verifies clients, for the binding end.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    pinned: Arc<[CertificateDer<'static>]>,
    web_pki: Option<Arc<dyn ClientCertVerifier>>,
    provider: Arc<CryptoProvider>,
}

/// Unifies the verdicts on a certificate without a trusted issuer, which come in several
/// forms, one of them only because self-signed certificates often share a subject. A bad
/// signature is then always the one that proves the possession of the key.
fn not_trusted(error: Error) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            CertificateError::UnknownIssuer.into()
        }
        Error::InvalidCertificate(CertificateError::Other(other))
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            CertificateError::UnknownIssuer.into()
        }
        other => other,
    }
}

/// Checks that the peer holds the key of its certificate: the same for servers and for
/// clients, whose traits each have their own methods.
macro_rules! verifies_possession {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls12_signature(message, cert, dss, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, cert, dss, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            let algorithms = &self.provider.signature_verification_algorithms;
            algorithms.supported_schemes()
        }
    };
}

// ===== impl ServerVerifier =====

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.pinned.contains(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(web_pki) = &self.web_pki else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        web_pki
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(not_trusted)
    }

    verifies_possession!();
}

// ===== impl ClientVerifier =====

impl ClientCertVerifier for ClientVerifier {
    /// Returns none: hints name issuers, and a client with a pinned certificate of another
    /// issuer would hold it back.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.pinned.contains(end_entity) {
            return Ok(ClientCertVerified::assertion());
        }
        let Some(web_pki) = &self.web_pki else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        web_pki
            .verify_client_cert(end_entity, intermediates, now)
            .map_err(not_trusted)
    }

    verifies_possession!();
}
