//! The certificate of a peer, which TLS has verified.

mod fingerprint;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

pub use fingerprint::{Fingerprint, FingerprintError};

/// The certificate that a peer presented on a TLS connection, and its contents.
///
/// The transport makes it, once for each connection, when TLS has verified the
/// certificate and that the peer holds its key. It is one pointer; a clone
/// counts a reference.
///
/// Everything beside [`der`](Self::der) and [`fingerprint`](Self::fingerprint)
/// is parsed from the certificate. A field that cannot be parsed is empty: a TLS
/// library accepts certificates that are not quite by the book.
///
/// ```
/// use aiomsg_core::certificate::{Certificate, CertificateName, Fingerprint};
///
/// // A test of a layer makes one like this.
/// let certificate = Certificate::new("not really DER", Fingerprint::from([7; 32]))
///     .with_subject("CN=worker 7,O=Example")
///     .with_common_name("worker 7")
///     .with_names([CertificateName::Dns("worker-7.example.com".into())]);
/// assert_eq!(certificate.common_name(), Some("worker 7"));
/// assert!(certificate.has_name("Worker-7.example.com"));
/// ```
#[derive(Clone)]
pub struct Certificate(Arc<Facts>);

#[derive(Clone)]
struct Facts {
    der: Bytes,
    fingerprint: Fingerprint,
    subject: Option<String>,
    common_name: Option<String>,
    names: Vec<CertificateName>,
    not_before: Option<SystemTime>,
    not_after: Option<SystemTime>,
}

/// A subject alternative name of a certificate (RFC 5280, 4.2.1.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateName {
    /// A name in the DNS.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// A URI, as SPIFFE has them.
    Uri(String),
    /// An address of mail.
    Email(String),
}

impl Certificate {
    /// A certificate with nothing but its bytes, in DER, and their fingerprint.
    pub fn new(der: impl Into<Bytes>, fingerprint: Fingerprint) -> Self {
        Self(Arc::new(Facts {
            der: der.into(),
            fingerprint,
            subject: None,
            common_name: None,
            names: Vec::new(),
            not_before: None,
            not_after: None,
        }))
    }

    fn facts(&mut self) -> &mut Facts {
        Arc::make_mut(&mut self.0)
    }

    /// Adds the whole subject, in the form of RFC 4514.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<String>) -> Self {
        self.facts().subject = Some(subject.into());
        self
    }

    /// Adds the common name in the subject.
    #[must_use]
    pub fn with_common_name(mut self, name: impl Into<String>) -> Self {
        self.facts().common_name = Some(name.into());
        self
    }

    /// Adds subject alternative names.
    #[must_use]
    pub fn with_names(mut self, names: impl IntoIterator<Item = CertificateName>) -> Self {
        self.facts().names.extend(names);
        self
    }

    /// Adds the time in which it is valid.
    #[must_use]
    pub fn with_validity(mut self, not_before: SystemTime, not_after: SystemTime) -> Self {
        let facts = self.facts();
        (facts.not_before, facts.not_after) = (Some(not_before), Some(not_after));
        self
    }

    /// The certificate itself, in DER.
    pub fn der(&self) -> &Bytes {
        &self.0.der
    }

    /// The SHA-256 of the DER, which tells this certificate from every other
    /// one.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// The whole subject, in the form of RFC 4514: `CN=example.com,O=Blah,C=GB`.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// The common name in the subject: the last, if there are several.
    ///
    /// The issuer of a certificate decides its contents. With an authority that
    /// many use, a common name proves only as much as that authority checks.
    pub fn common_name(&self) -> Option<&str> {
        self.0.common_name.as_deref()
    }

    /// The subject alternative names, in their order.
    pub fn names(&self) -> &[CertificateName] {
        &self.0.names
    }

    /// Whether this is the common name or one of the alternative names, spelled the
    /// same. DNS names are compared without regard to case. A wildcard is a name like
    /// any other, and matches only itself.
    pub fn has_name(&self, name: &str) -> bool {
        self.common_name() == Some(name) || self.names().iter().any(|it| it.is(name))
    }

    /// From when on it is valid.
    pub fn not_before(&self) -> Option<SystemTime> {
        self.0.not_before
    }

    /// Until when it is valid.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.0.not_after
    }
}

impl CertificateName {
    fn is(&self, name: &str) -> bool {
        match self {
            Self::Dns(it) => it.eq_ignore_ascii_case(name),
            Self::Ip(it) => name.parse().is_ok_and(|name: IpAddr| name == *it),
            Self::Uri(it) | Self::Email(it) => it == name,
        }
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl Hash for Certificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.der.hash(state);
    }
}

/// Subject and fingerprint: enough to find it.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(subject) = self.subject() {
            write!(f, "{subject:?} ")?;
        }
        write!(f, "({})", self.fingerprint())
    }
}

/// Without the DER.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject())
            .field("names", &self.names())
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Uri(name) | Self::Email(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
