//! Certificates of every kind, made in a moment: authorities, what they issue,
//! and what signs itself.

use aiomsg::TlsConfig;
use aiomsg::tls::TlsConfigBuilder;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    SanType,
};

/// A certificate with what it was issued by, except the root, and its key: as
/// PEM.
#[derive(Clone)]
pub struct Issued {
    pub chain: String,
    pub key: String,
}

/// An authority, which may be below another one.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// The certificates between the root and what this issues.
    between: String,
}

/// What is to be in a certificate.
pub struct Wanted(CertificateParams);

impl Wanted {
    /// A certificate with this common name, and the loopback address.
    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
        Self(params)
    }

    /// With this name in the DNS in place of the address.
    pub fn dns(mut self, name: &str) -> Self {
        self.0.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        self
    }

    /// Valid in these years only.
    pub fn years(mut self, from: i32, until: i32) -> Self {
        self.0.not_before = rcgen::date_time_ymd(from, 1, 1);
        self.0.not_after = rcgen::date_time_ymd(until, 1, 1);
        self
    }

    /// That nobody else has signed.
    pub fn self_signed(self) -> Issued {
        let key = KeyPair::generate().unwrap();
        let certificate = self.0.self_signed(&key).unwrap();
        Issued {
            chain: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Authority {
    pub fn root(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(authority(name), key).unwrap(),
            between: String::new(),
        }
    }

    pub fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(authority(name), key, &self.issuer).unwrap();
        Self {
            between: issuer.pem() + &self.between,
            issuer,
        }
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub fn issue(&self, wanted: Wanted) -> Issued {
        let key = KeyPair::generate().unwrap();
        let Wanted(params) = wanted;
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            chain: certificate.pem() + &self.between,
            key: key.serialize_pem(),
        }
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = Wanted::named(name).0;
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Issued {
    /// Settings that present it.
    pub fn presented(&self) -> TlsConfigBuilder {
        TlsConfig::builder().certificate_pem(self.chain.as_str(), self.key.as_str())
    }

    /// Settings that present it, and trust this.
    pub fn and_trust(&self, trusted: &str) -> TlsConfig {
        self.presented().trust_pem(trusted).build().unwrap()
    }
}
