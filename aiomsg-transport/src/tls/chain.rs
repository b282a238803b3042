//! The presented certificates, and their order.

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode, Tag};

/// Returns the first non-certificate, counted from 0. It checks the outermost structure
/// only: peers may be able to read what we cannot.
pub(super) fn malformed(chain: &[CertificateDer<'_>]) -> Option<usize> {
    let whole = |der: &CertificateDer<'_>| {
        AnyRef::from_der(der).is_ok_and(|any| any.header().tag() == Tag::Sequence)
    };
    chain.iter().position(|der| !whole(der))
}

/// Returns the certificate, counted from 1, that did not issue the one before it.
/// Unreadable ones are skipped.
pub(super) fn out_of_order(chain: &[CertificateDer<'_>]) -> Option<usize> {
    let read = |der: &CertificateDer<'_>| x509_cert::Certificate::from_der(der).ok();
    let issued = |pair: &[CertificateDer<'_>]| {
        let (one, issuer) = (read(&pair[0])?, read(&pair[1])?);
        Some(one.tbs_certificate().issuer() == issuer.tbs_certificate().subject())
    };
    let wrong = chain
        .windows(2)
        .position(|pair| issued(pair) == Some(false));
    wrong.map(|position| position + 2)
}
