//! The contents of a certificate, for people and for rules.
//!
//! TLS has verified the certificate by now. The fields read here decide nothing about that,
//! so unreadable ones are left out.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aiomsg_core::Certificate;
use aiomsg_core::certificate::CertificateName;
use bytes::Bytes;
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};

use super::provider::Sha256;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Returns the certificate in this DER, with its readable fields.
pub(super) fn read(der: &[u8]) -> Certificate {
    let certificate = Certificate::new(Bytes::copy_from_slice(der), fingerprint(der).into());
    match x509_cert::Certificate::from_der(der) {
        Ok(parsed) => with_facts(certificate, parsed.tbs_certificate()),
        Err(error) => {
            let fingerprint = certificate.fingerprint();
            tracing::debug!(%fingerprint, %error, "what a certificate says cannot be read");
            certificate
        }
    }
}

pub(super) fn fingerprint(der: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(der);
    digest.finish()
}

fn with_facts(mut certificate: Certificate, parsed: &TbsCertificate) -> Certificate {
    let subject = parsed.subject();
    if !subject.is_empty() {
        certificate = certificate.with_subject(subject.to_string());
    }
    let common_names = subject.iter().filter(|part| part.oid == COMMON_NAME);
    if let Some(name) = common_names.last()
        && let Ok(name) = name.value.decode_as::<DirectoryString>()
    {
        certificate = certificate.with_common_name(name.value());
    }
    if let Ok(Some((_, SubjectAltName(names)))) = parsed.get_extension() {
        certificate = certificate.with_names(names.iter().filter_map(name));
    }
    let dates = parsed.validity();
    let date = |after_1970: Duration| SystemTime::UNIX_EPOCH.checked_add(after_1970);
    let not_before = date(dates.not_before.to_unix_duration());
    let not_after = date(dates.not_after.to_unix_duration());
    match (not_before, not_after) {
        (Some(not_before), Some(not_after)) => certificate.with_validity(not_before, not_after),
        _ => certificate,
    }
}

fn name(name: &GeneralName) -> Option<CertificateName> {
    Some(match name {
        GeneralName::DnsName(name) => CertificateName::Dns(name.to_string()),
        GeneralName::UniformResourceIdentifier(name) => CertificateName::Uri(name.to_string()),
        GeneralName::Rfc822Name(name) => CertificateName::Email(name.to_string()),
        GeneralName::IpAddress(bytes) => CertificateName::Ip(address(bytes.as_bytes())?),
        _ => return None,
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests;
