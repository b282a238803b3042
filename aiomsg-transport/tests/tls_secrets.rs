//! What is wrong with a key or certificate file is said in words, and nothing of its
//! content is.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::error::Error as _;
use std::path::Path;
use std::process::Command;

use aiomsg_transport::tls::TlsConfig;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

struct Files {
    certificate: String,
    key: String,
    authority: String,
}

fn files() -> Files {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    Files {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        authority: authority.pem(),
    }
}

/// The error of this key and certificate, or none if they can be used.
fn error_of(certificate: &[u8], key: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let (at, key_at) = (folder.path().join("cert"), folder.path().join("key"));
    std::fs::write(&at, certificate).unwrap();
    std::fs::write(&key_at, key).unwrap();
    let by_file = TlsConfig::builder().certificate_files(&at, &key_at).build();
    let by_bytes = TlsConfig::builder()
        .certificate_pem(certificate, key)
        .build();
    assert_eq!(by_file.is_ok(), by_bytes.is_ok());
    let mut all = String::new();
    for error in [by_file.err()?, by_bytes.err()?] {
        assert!(error.is_config());
        all += &format!("{error} {error:?} {error:#?}");
        let mut source = error.source();
        while let Some(error) = source {
            all += &format!("{error} {error:?}");
            source = error.source();
        }
    }
    for secret in [certificate, key] {
        says_nothing_of(&all, secret);
    }
    Some(all)
}

/// No eight letters of it, and no four bytes of it as numbers.
fn says_nothing_of(text: &str, secret: &[u8]) {
    for line in secret.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        // What stands between dashes is no secret, nor is a header.
        if line.contains("Proc-Type") || line.contains("DEK-Info") {
            continue;
        }
        let body: Vec<char> = line
            .split("-----")
            .filter(|it| !it.contains(' '))
            .flat_map(str::chars)
            .collect();
        for window in body.windows(8) {
            let window: String = window.iter().collect();
            assert!(!text.contains(&window), "{window} is in {text}");
        }
    }
    for window in secret.windows(4) {
        let numbers = window
            .iter()
            .map(u8::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        assert!(!text.contains(&numbers), "{numbers} is in {text}");
    }
}

fn openssl(folder: &Path, args: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[test]
fn a_broken_key_file_is_named_and_not_shown() {
    let files = files();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), &files.key).unwrap();
    let run = |args: &str| openssl(folder.path(), &args.split(' ').collect::<Vec<_>>());
    let one_line = files.key.replace('\n', "");
    let spaces = files.key.replace('\n', " ");
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(files.key.bytes().flat_map(|byte| [byte, 0]))
        .collect();
    let middle = files.key.len() / 2;
    let damaged = format!("{}!{}", &files.key[..middle], &files.key[middle..]);
    let short = files.key.lines().take(2).collect::<Vec<_>>().join("\n");
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (one_line.into(), "the line breaks are missing"),
        (spaces.into(), "the line breaks are missing"),
        (Vec::new(), "it is empty"),
        (b" \n".to_vec(), "it is empty"),
        (
            [b"\xef\xbb\xbf", files.key.as_bytes()].concat(),
            "a byte order mark",
        ),
        (utf16, "utf-16"),
        (run("pkey -in key -outform der"), "it is der and not pem"),
        (damaged.into(), "not base64"),
        (short.into(), "has no end"),
        (
            files.certificate.clone().into(),
            "no private key in it, but a certificate",
        ),
        (run("pkey -in key -pubout"), "public key"),
        (
            run("pkcs8 -topk8 -v2 aes-256-cbc -in key -passout pass:secret"),
            "encrypted: decrypt it first",
        ),
        (
            run("ec -aes256 -in key -passout pass:secret"),
            "encrypted: decrypt it first",
        ),
        (
            run("ecparam -genkey -name secp521r1 -noout"),
            "p-521 are not supported",
        ),
        (
            run("ecparam -genkey -name secp256k1 -noout"),
            "cannot be used",
        ),
        (
            KeyPair::generate().unwrap().serialize_pem().into(),
            "is not that of the certificate",
        ),
    ];
    for (key, expected) in cases {
        let error = error_of(files.certificate.as_bytes(), &key);
        let error = error.unwrap_or_else(|| panic!("a key that is broken: {expected}"));
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_broken_certificate_file_is_named_and_not_shown() {
    let files = files();
    let relabelled = files
        .certificate
        .replace(" CERTIFICATE", " TRUSTED CERTIFICATE");
    let cases: Vec<(String, &str)> = vec![
        (
            files.certificate.replace('\n', ""),
            "the line breaks are missing",
        ),
        (files.key.clone(), "no certificate in it, but a private key"),
        (
            format!("{}{relabelled}", files.certificate),
            "trusted certificate",
        ),
        (relabelled, "trusted certificate"),
        (
            format!("{}{}", files.authority, files.certificate),
            "in the wrong order",
        ),
    ];
    for (certificate, expected) in cases {
        let error = error_of(certificate.as_bytes(), files.key.as_bytes());
        let error = error.unwrap_or_else(|| panic!("a certificate that is broken: {expected}"));
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn files_as_programs_write_them_can_be_used() {
    let files = files();
    let folder = tempfile::tempdir().unwrap();
    let with_parameters = openssl(
        folder.path(),
        &["ecparam", "-genkey", "-name", "prime256v1"],
    );
    std::fs::write(folder.path().join("key"), &with_parameters).unwrap();
    let request = [
        "req", "-x509", "-key", "key", "-subj", "/CN=x", "-days", "2",
    ];
    let certificate = openssl(folder.path(), &request);
    for (certificate, key) in [
        (certificate, with_parameters),
        (
            files.certificate.replace('\n', "\r\n").into(),
            files.key.replace('\n', "\r\n").into(),
        ),
        (
            format!("a comment\n{}{}", files.certificate, files.authority).into(),
            files.key.clone().into(),
        ),
        // Both in one file.
        (
            format!("{}{}", files.key, files.certificate).into(),
            format!("{}{}", files.certificate, files.key).into(),
        ),
    ] {
        assert_eq!(error_of(&certificate, &key), None);
    }
}

#[test]
fn no_more_is_read_than_a_key_has() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::File::create(&large)
        .unwrap()
        .set_len(1 << 34)
        .unwrap();
    for (path, expected) in [(&large, "16 mib"), (&folder.path().to_owned(), "directory")] {
        let error = TlsConfig::builder().trust_file(path).build().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
