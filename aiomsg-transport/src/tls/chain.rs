//! A certificate with those that issued it, in their order, and its key.

use std::sync::Arc;

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey};
use x509_cert::der::{Decode, Encode};

/// The name of the curve P-521 in a key, as its tag, length and value.
const P521: [u8; 7] = [6, 5, 0x2b, 0x81, 4, 0, 0x23];

/// Whether a private key is one of the curve P-521.
pub(super) fn is_p521(key: &PrivateKeyDer<'_>) -> bool {
    let der = key.secret_der();
    der.windows(P521.len()).any(|window| window == P521)
}

/// What is wrong with the order of a chain, if anything is. The first one is that of
/// the key, and each of the others has issued the one before it.
pub(super) fn disorder(
    chain: &[CertificateDer<'static>],
    key: &Arc<dyn SigningKey>,
) -> Option<&'static str> {
    let fits = |certificate: &CertificateDer<'static>| {
        CertifiedKey::new(vec![certificate.clone()], Arc::clone(key)).keys_match() == Ok(())
    };
    let (first, others) = chain.split_first()?;
    if !fits(first) && others.iter().any(fits) {
        return Some(
            "its certificates are in the wrong order: that of the private key comes first",
        );
    }
    let names: Vec<_> = chain.iter().filter_map(names).collect();
    if names.len() < chain.len() {
        // Others say what is wrong with that one.
        return None;
    }
    let out_of_order = names.windows(2).enumerate().any(|(n, pair)| {
        let issuer = &pair[0].issuer;
        let is_next = *issuer == pair[1].subject;
        let elsewhere = names
            .iter()
            .enumerate()
            .any(|(m, it)| m > n + 1 && it.subject == *issuer);
        !is_next && elsewhere
    });
    out_of_order.then_some(
        "its certificates are in the wrong order: each is followed by the one that issued it",
    )
}

struct Names {
    subject: Vec<u8>,
    issuer: Vec<u8>,
}

fn names(certificate: &CertificateDer<'static>) -> Option<Names> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let signed = certificate.tbs_certificate();
    Some(Names {
        subject: signed.subject().to_der().ok()?,
        issuer: signed.issuer().to_der().ok()?,
    })
}
