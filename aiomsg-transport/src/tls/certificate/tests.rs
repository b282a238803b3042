use super::*;
use proptest::prelude::*;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, SanType, date_time_ymd,
};

fn full() -> Vec<u8> {
    let mut params = CertificateParams::new(["jobs.example.com".to_owned()]).unwrap();
    params.subject_alt_names.extend([
        SanType::IpAddress("10.0.0.7".parse().unwrap()),
        SanType::IpAddress("fd00::7".parse().unwrap()),
        SanType::URI("spiffe://example/jobs".try_into().unwrap()),
        SanType::Rfc822Name("jobs@example.com".try_into().unwrap()),
    ]);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "GB");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Blah, Inc");
    let name = DnValue::Utf8String("Jobs № 7".into());
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2051, 1, 1);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn what_a_certificate_says_is_read() {
    let der = full();
    let certificate = read(&der);
    assert_eq!(certificate.der(), &der);
    assert_eq!(certificate.common_name(), Some("Jobs № 7"));
    let subject = certificate.subject().unwrap();
    assert!(
        subject.contains("CN=Jobs № 7,O=Blah\\, Inc,C=GB"),
        "{subject}"
    );
    let names: Vec<_> = certificate
        .names()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        names,
        [
            "jobs.example.com",
            "10.0.0.7",
            "fd00::7",
            "spiffe://example/jobs",
            "jobs@example.com"
        ]
    );
    let seconds = |time: Option<SystemTime>| {
        let since = time.unwrap().duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap().as_secs()
    };
    assert_eq!(seconds(certificate.not_before()), 1_577_836_800);
    assert_eq!(seconds(certificate.not_after()), 2_556_144_000);
}

/// The fingerprint is that of `openssl x509 -fingerprint -sha256`, which is
/// the digest of all of it.
#[test]
fn what_cannot_be_read_has_a_fingerprint_all_the_same() {
    let certificate = read(b"abc");
    assert_eq!(
        certificate
            .fingerprint()
            .to_string()
            .replace(':', "")
            .to_lowercase(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(certificate.subject(), None);
    assert!(certificate.names().is_empty());
    assert_eq!(certificate.not_after(), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        read(&bytes);
    }

    #[test]
    fn no_change_of_a_certificate_panics(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut der = full();
        for (at, byte) in changes {
            let at = at.index(der.len());
            der[at] = byte;
        }
        let _ = read(&der).to_string();
        der.truncate(cut.index(der.len()));
        let _ = read(&der).to_string();
    }
}
