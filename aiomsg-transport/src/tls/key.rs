//! The kinds of private keys, for errors about unusable ones.

use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use x509_cert::der::{Decode, SliceReader, Tag};
use x509_cert::spki::AlgorithmIdentifierRef;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
const DH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.3.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const X448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.111");

const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const P224: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.33");
const K256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");

/// The reason why the provider has refused a key, without any of its content.
pub(super) fn refused(key: &PrivateKeyDer<'_>) -> String {
    let why = match key {
        PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(key) => sec1(key.secret_sec1_der(), None),
        PrivateKeyDer::Pkcs8(key) => pkcs8(key.secret_pkcs8_der()),
        _ => None,
    };
    why.unwrap_or_else(|| "it is damaged, or of a kind that is not supported".into())
}

fn not_supported(kind: &str) -> Option<String> {
    Some(format!("{kind} is not supported"))
}

/// The fields of a sequence that fills the input.
fn fields(der: &[u8]) -> Option<SliceReader<'_>> {
    let any = AnyRef::from_der(der).ok()?;
    let sequence = any.header().tag() == Tag::Sequence;
    SliceReader::new(any.value()).ok().filter(|_| sequence)
}

fn pkcs8(der: &[u8]) -> Option<String> {
    let mut fields = fields(der)?;
    UintRef::decode(&mut fields).ok()?;
    let algorithm = AlgorithmIdentifierRef::decode(&mut fields).ok()?;
    let key = <&OctetStringRef>::decode(&mut fields).ok()?;
    match algorithm.oid {
        RSA => rsa(key.as_bytes()),
        EC => sec1(key.as_bytes(), algorithm.parameters),
        RSA_PSS => not_supported("a key for RSA-PSS only"),
        DSA => not_supported("DSA"),
        DH => not_supported("a key of Diffie-Hellman"),
        ED448 => not_supported("Ed448"),
        X25519 | X448 => not_supported("a key for the exchange of keys (X25519, X448)"),
        ED25519 => None,
        other => not_supported(&format!("the algorithm {other}")),
    }
}

fn rsa(der: &[u8]) -> Option<String> {
    let mut fields = fields(der)?;
    UintRef::decode(&mut fields).ok()?;
    let modulus = UintRef::decode(&mut fields).ok()?;
    let bytes = modulus.as_bytes();
    let bits = bytes.len() * 8 - bytes.first()?.leading_zeros() as usize;
    match bits {
        2048..=4096 => None,
        _ => not_supported(&format!("RSA with {bits} bits")),
    }
}

fn sec1(der: &[u8], parameters: Option<AnyRef<'_>>) -> Option<String> {
    let parameters = match parameters {
        Some(parameters) => parameters,
        None => {
            let mut fields = fields(der)?;
            UintRef::decode(&mut fields).ok()?;
            <&OctetStringRef>::decode(&mut fields).ok()?;
            let tagged = AnyRef::decode(&mut fields).ok()?;
            AnyRef::from_der(tagged.value()).ok()?
        }
    };
    let Ok(curve) = parameters.decode_as::<ObjectIdentifier>() else {
        return not_supported("a curve that is described and not named");
    };
    match curve {
        P256 | P384 => None,
        P521 => not_supported("P-521"),
        P224 => not_supported("P-224"),
        K256 => not_supported("secp256k1"),
        other => not_supported(&format!("the curve {other}")),
    }
}
