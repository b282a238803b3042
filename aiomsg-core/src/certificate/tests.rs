use super::*;

#[test]
fn it_is_one_pointer() {
    assert_eq!(
        size_of::<Option<Certificate>>(),
        size_of::<usize>(),
        "what connections without TLS pay for it"
    );
}

#[test]
fn names_are_compared_by_their_kind() {
    let certificate = Certificate::new("der", [0; 32].into())
        .with_common_name("Worker 7")
        .with_names([
            CertificateName::Dns("*.Example.com".into()),
            CertificateName::Ip("::1".parse().unwrap()),
            CertificateName::Uri("spiffe://example/A".into()),
        ]);
    for name in [
        "Worker 7",
        "*.example.COM",
        "0:0:0:0:0:0:0:1",
        "spiffe://example/A",
    ] {
        assert!(certificate.has_name(name), "{name}");
    }
    for name in [
        "worker 7",
        "a.example.com",
        "127.0.0.1",
        "spiffe://example/a",
        "",
    ] {
        assert!(!certificate.has_name(name), "{name}");
    }
}

#[test]
fn what_it_shows_cannot_break_a_line() {
    let certificate = Certificate::new("der", [0xab; 32].into()).with_subject("CN=a\nb\"");
    let shown = certificate.to_string();
    assert!(shown.starts_with("\"CN=a\\nb\\\"\" (AB:AB:"), "{shown}");
    let unknown = Certificate::new("der", [0; 32].into());
    assert!(unknown.to_string().starts_with("(00:00:"), "{unknown}");
}

#[test]
fn they_are_equal_by_their_bytes() {
    let one = Certificate::new("a", [0; 32].into()).with_subject("CN=a");
    assert_eq!(one, Certificate::new("a", [0; 32].into()));
    assert_ne!(one, Certificate::new("b", [0; 32].into()));
}
