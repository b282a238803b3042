use super::*;
use aiomsg_core::certificate::CertificateName;

fn named(name: CertificateName) -> Certificate {
    Certificate::new("der", [0; 32].into()).with_names([name])
}

#[test]
fn an_identity_is_a_name_as_text_digits_or_uuid() {
    let text = Identity::new("worker-7.example.com").unwrap();
    assert!(names(
        &named(CertificateName::Dns("Worker-7.example.com".into())),
        &text
    ));
    let digits = Identity::from([0xab; 16]);
    assert!(names(
        &named(CertificateName::Dns("ab".repeat(16))),
        &digits
    ));
    let uuid = "urn:uuid:abababab-abab-abab-abab-abababababab";
    assert!(names(&named(CertificateName::Uri(uuid.into())), &digits));
    let common = Certificate::new("der", [0; 32].into()).with_common_name("worker number 07");
    assert!(names(&common, &Identity::from(*b"worker number 07")));
    assert!(!names(&common, &Identity::from(*b"worker number 08")));
    // The digits of six bytes are no name of ours: another identity's text is.
    let short = Identity::new([0xab; 6]).unwrap();
    assert!(!names(&named(CertificateName::Dns("ab".repeat(6))), &short));
}

#[test]
fn a_table_keeps_its_identities_from_everyone_else() {
    let mut rules = Rules::new(Rule::Table(Arc::new(
        [
            ([1; 32].into(), Identity::from([1; 16])),
            ([2; 32].into(), Identity::from([2; 16])),
        ]
        .into_iter()
        .collect(),
    )));
    let check = |rules: &Rules, certificate: Option<u8>, identity: u8| {
        let certificate = certificate.map(certificate_of);
        rules.check(certificate.as_ref(), &Identity::from([identity; 16]))
    };
    assert!(check(&rules, Some(1), 1).is_ok());
    for (shown, identity) in [(1, 2), (2, 1), (3, 1), (1, 3)] {
        let error = check(&rules, Some(shown), identity).unwrap_err();
        assert!(error.is_identity_refused(), "{error}");
        let fingerprint = certificate_of(shown).fingerprint().to_string();
        assert!(error.to_string().contains(&fingerprint), "{error}");
    }
    assert!(rules.admit(None).unwrap_err().is_identity_refused());

    rules.allow_plain(|_| true);
    assert!(rules.admit(None).is_ok());
    assert!(check(&rules, None, 3).is_ok());
    assert!(check(&rules, None, 1).is_err(), "it is somebody's");
}

fn certificate_of(n: u8) -> Certificate {
    Certificate::new("der", [n; 32].into())
}
