//! Broken files of keys and certificates: what is wrong is said in our own
//! words, and nothing of a file is repeated.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::error::Error as _;
use std::path::Path;
use std::process::Command;

use aiomsg_core::Error;
use aiomsg_transport::tls::TlsConfig;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

struct Pair {
    cert: String,
    key: String,
}

fn pair() -> Pair {
    let key = KeyPair::generate().unwrap();
    Pair {
        cert: CertificateParams::default()
            .self_signed(&key)
            .unwrap()
            .pem(),
        key: key.serialize_pem(),
    }
}

/// What openssl writes, from this as its input.
fn openssl(args: &[&str], input: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in");
    std::fs::write(&file, input).unwrap();
    let output = Command::new("openssl")
        .args(args)
        .args(["-in", file.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn generated(curve: &str) -> String {
    let curve = format!("ec_paramgen_curve:{curve}");
    let args = ["genpkey", "-algorithm", "EC", "-pkeyopt", &curve];
    let output = Command::new("openssl").args(args).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn rsa(bits: &str) -> String {
    let bits = format!("rsa_keygen_bits:{bits}");
    let args = ["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits];
    let output = Command::new("openssl").args(args).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn der(pem: &str) -> Vec<u8> {
    use aiomsg_transport::tls::rustls::pki_types::PrivateKeyDer;
    use aiomsg_transport::tls::rustls::pki_types::pem::PemObject;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
    key.secret_der().to_vec()
}

fn utf16(text: &str) -> Vec<u8> {
    let marked = format!("\u{feff}{text}");
    marked.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The lines between the markers.
fn secrets(content: &[u8]) -> Vec<Vec<u8>> {
    content
        .split(|byte| matches!(byte, b'\n' | b'\r' | b'-' | b'\\'))
        .filter(|part| part.len() > 30)
        .map(<[u8]>::to_vec)
        .collect()
}

/// No eight characters of a file are in any form of the error, neither as text
/// nor as the numbers of its bytes.
fn repeats_nothing(error: &Error, content: &[u8]) {
    let mut said = format!("{error}\n{error:?}\n{error:#?}\n");
    let mut source = error.source();
    while let Some(error) = source {
        said += &format!("{error}\n{error:?}\n");
        source = error.source();
    }
    for secret in secrets(content) {
        for window in secret.windows(8) {
            let numbers = format!("{window:?}");
            let numbers = numbers.trim_matches(['[', ']']);
            assert!(!said.contains(numbers), "as numbers: {said}");
            if let Ok(text) = str::from_utf8(window) {
                assert!(!said.contains(text), "{text:?}: {said}");
            }
        }
    }
}

fn refused(name: &str, error: &Error, content: &[u8], expected: &str) {
    assert!(error.is_config(), "{name}: {error}");
    assert!(
        error.chain().to_string().contains(expected),
        "{name}: {error}"
    );
    repeats_nothing(error, content);
}

/// A key file whose line breaks were lost was shown whole, as decimal bytes.
#[test]
fn a_broken_key_file_is_named_and_not_shown() {
    let Pair { cert, key } = pair();
    let joined = |with: &str| key.lines().collect::<Vec<_>>().join(with);
    let lines: Vec<_> = key.lines().collect();
    let locked = ["pkey", "-aes256", "-passout", "pass:secret"];
    let old = ["pkey", "-traditional", "-aes256", "-passout", "pass:secret"];
    let public = openssl(&["pkey", "-pubout"], &key);
    let old_form = |key: &str| openssl(&["pkey", "-traditional"], key);
    let marked = [b"\xEF\xBB\xBF", key.as_bytes()].concat();
    #[cfg(feature = "ring")]
    let described = openssl(&["ec", "-param_enc", "explicit"], &generated("P-256"));
    let large = [key.as_bytes(), &vec![b'\n'; 17 << 20]].concat();
    for (name, content, expected) in [
        (
            "joined",
            joined("").into_bytes(),
            "the line breaks are missing at line 1",
        ),
        (
            "spaces",
            joined(" ").into_bytes(),
            "the line breaks are missing",
        ),
        (
            "escaped",
            joined("\\n").into_bytes(),
            "the line breaks are missing",
        ),
        (
            "end joined",
            format!("{}\n{}{}", lines[0], lines[1], lines[lines.len() - 1]).into_bytes(),
            "the line breaks are missing at line 2",
        ),
        (
            "begin joined",
            format!("{}{}\n{}", lines[0], lines[1], lines[lines.len() - 1]).into_bytes(),
            "the line breaks are missing at line 1",
        ),
        ("indented", joined("\n  ").into_bytes(), "is indented"),
        (
            "no end",
            lines[..2].join("\n").into_bytes(),
            "begins at line 1 has no end",
        ),
        (
            "no begin",
            lines[1..].join("\n").into_bytes(),
            "has no begin",
        ),
        ("no markers", lines[1].as_bytes().to_vec(), "it is not pem"),
        (
            "cut",
            key.replace(lines[1], &lines[1][..31]).into_bytes(),
            "is damaged",
        ),
        (
            "not base64",
            key.replace('M', "*").into_bytes(),
            "is damaged",
        ),
        (
            "short",
            key.replace(lines[1], &lines[1][..32])
                .replace(lines[2], "")
                .into_bytes(),
            "private key cannot be used",
        ),
        (
            "nothing inside",
            format!("{}\n{}", lines[0], lines[lines.len() - 1]).into_bytes(),
            "is damaged",
        ),
        (
            "encrypted",
            openssl(&locked, &key).into_bytes(),
            "encrypted: decrypt it first",
        ),
        (
            "encrypted, old",
            openssl(&old, &key).into_bytes(),
            "encrypted: decrypt it first",
        ),
        ("mark", marked, "a byte order mark"),
        ("utf-16", utf16(&key), "it is utf-16"),
        (
            "utf-16, unmarked",
            utf16(&key)[2..].to_vec(),
            "it is utf-16",
        ),
        ("der", der(&key), "it is binary"),
        ("zeros", vec![0; 100], "it is binary"),
        ("empty", Vec::new(), "it is empty"),
        ("blank", b" \r\n\n".to_vec(), "it is empty"),
        (
            "swapped",
            cert.clone().into_bytes(),
            "no private key in it, but a certificate",
        ),
        (
            "public",
            public.into_bytes(),
            "no private key in it, but a public key",
        ),
        // aws-lc-rs supports it.
        #[cfg(feature = "ring")]
        (
            "p-521",
            generated("P-521").into_bytes(),
            "P-521 is not supported",
        ),
        #[cfg(feature = "ring")]
        (
            "p-521, old",
            old_form(&generated("P-521")).into_bytes(),
            "P-521 is not supported",
        ),
        (
            "secp256k1",
            generated("secp256k1").into_bytes(),
            "secp256k1 is not supported",
        ),
        (
            "openssh",
            key.replace("PRIVATE KEY", "OPENSSH PRIVATE KEY")
                .into_bytes(),
            "the block \"OPENSSH PRIVATE KEY\" that begins at line 1 is not understood",
        ),
        (
            "another key",
            pair().key.into_bytes(),
            "is not that of the certificate",
        ),
        ("large", large, "larger than the 16 MiB"),
        (
            "rsa, short",
            rsa("1024").into_bytes(),
            "RSA with 1024 bits is not supported",
        ),
        (
            "rsa, short, old",
            old_form(&rsa("1024")).into_bytes(),
            "RSA with 1024 bits is not supported",
        ),
        (
            "p-224",
            generated("P-224").into_bytes(),
            "P-224 is not supported",
        ),
        (
            "another curve",
            generated("brainpoolP256r1").into_bytes(),
            "the curve 1.3.36.3.3.2.8.1.1.7 is not supported",
        ),
        // aws-lc-rs recognizes a described P-256.
        #[cfg(feature = "ring")]
        (
            "described curve",
            described.into_bytes(),
            "a curve that is described and not named is not supported",
        ),
        (
            "dashes",
            key.replace("-----BEGIN", "----BEGIN").into_bytes(),
            "the dashes at line 1",
        ),
        (
            "text processor",
            key.replace("-----", "\u{2013}\u{2013}\u{2014}")
                .into_bytes(),
            "the dashes at line 1",
        ),
        (
            "mark within",
            format!("{cert}\u{feff}{key}").into_bytes(),
            "a byte order mark",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("cert"), &cert).unwrap();
        std::fs::write(at("key"), &content).unwrap();
        let files = || TlsConfig::builder().certificate_files(at("cert"), at("key"));
        let error = files().build().unwrap_err();
        refused(name, &error, &content, expected);
        assert!(
            error
                .chain()
                .to_string()
                .contains(at("key").to_str().unwrap()),
            "{error}"
        );
        let bytes = TlsConfig::builder().certificate_pem(cert.as_str(), content.clone());
        refused(name, &bytes.build().unwrap_err(), &content, expected);

        // By a reload, which ends up in a log.
        std::fs::write(at("key"), &key).unwrap();
        let tls = files().build().unwrap();
        std::fs::write(at("key"), &content).unwrap();
        refused(name, &tls.reload().unwrap_err(), &content, expected);
    }
}

#[test]
fn a_broken_certificate_file_is_named_and_not_shown() {
    let Pair { cert, key } = pair();
    let lines: Vec<_> = cert.lines().collect();
    let other = pair().cert;
    let glued = format!("{}{other}", cert.trim_end());
    for (name, content, expected) in [
        (
            "joined",
            lines.concat().into_bytes(),
            "the line breaks are missing",
        ),
        (
            "two glued",
            glued.into_bytes(),
            "the line breaks are missing",
        ),
        (
            "swapped",
            key.clone().into_bytes(),
            "no certificate in it, but a private key",
        ),
        (
            "cut",
            cert.replace(lines[2], "").into_bytes(),
            "cannot be used",
        ),
        (
            "not base64",
            cert.replace('M', "*").into_bytes(),
            "is damaged",
        ),
        (
            "trusted",
            format!(
                "{cert}{}",
                other.replace("CERTIFICATE", "TRUSTED CERTIFICATE")
            )
            .into_bytes(),
            "the block \"TRUSTED CERTIFICATE\"",
        ),
        (
            "revoked",
            format!("{cert}{}", other.replace("CERTIFICATE", "X509 CRL")).into_bytes(),
            "the block \"X509 CRL\"",
        ),
    ] {
        let own = TlsConfig::builder().certificate_pem(content.clone(), key.as_str());
        refused(name, &own.build().unwrap_err(), &content, expected);
        for builder in [
            TlsConfig::builder().trust_pem(content.clone()),
            TlsConfig::builder().pin_pem(content.clone()),
        ] {
            refused(name, &builder.build().unwrap_err(), &content, expected);
        }
    }
}

#[test]
fn unusual_files_that_are_whole_are_accepted() {
    let Pair { cert, key } = pair();
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let old = openssl(&["pkey", "-traditional"], &key);
    for (name, key) in [
        ("dos", key.replace('\n', "\r\n")),
        ("mac", key.replace('\n', "\r")),
        ("parameters", format!("{parameters}{old}")),
        ("text around", format!("Bag Attributes\n{key}\nthe end")),
        ("certificate beside", format!("{cert}{key}")),
        ("spaces behind", key.replace('\n', " \n")),
        (
            "another commented out",
            format!("# {}\n{key}", pair().key.trim_end().replace('\n', "\n# ")),
        ),
    ] {
        let tls = TlsConfig::builder().certificate_pem(cert.replace('\n', "\r\n"), key);
        tls.build()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_chain_in_the_wrong_order_is_said_to_be() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "root");
    let root = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::default()
        .signed_by(&key, &root)
        .unwrap()
        .pem();
    let presents = |chain: String| {
        TlsConfig::builder()
            .certificate_pem(chain, key.serialize_pem())
            .build()
    };
    presents(format!("{leaf}{}", root.pem())).unwrap();
    let wrong = format!("{}{leaf}", root.pem());
    let error = presents(wrong.clone()).unwrap_err();
    refused(
        "chain",
        &error,
        wrong.as_bytes(),
        "certificates are in the wrong order",
    );
    assert!(error.chain().to_string().contains("number 2"), "{error}");
}

/// Behind our own certificate anything was presented, to be refused by peers.
#[test]
fn what_is_no_certificate_in_a_chain_is_named() {
    let Pair { cert, key } = pair();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let wrong = format!("{cert}{damaged}");
    let own = TlsConfig::builder().certificate_pem(wrong.as_str(), key);
    let error = own.build().unwrap_err();
    refused(
        "chain",
        &error,
        wrong.as_bytes(),
        "cannot be used: number 2",
    );
    for builder in [
        TlsConfig::builder().trust_pem(wrong.as_str()),
        TlsConfig::builder().pin_pem(wrong.as_str()),
    ] {
        let error = builder.build().unwrap_err();
        refused(
            "bundle",
            &error,
            wrong.as_bytes(),
            "cannot be used: number 2",
        );
    }
}

#[test]
fn a_folder_is_no_file_and_what_has_no_end_is_not_read_to_it() {
    let trust = |path: &Path| TlsConfig::builder().trust_file(path).build().unwrap_err();
    let folder = tempfile::tempdir().unwrap();
    let error = trust(folder.path());
    assert!(
        error.chain().to_string().contains("is a directory"),
        "{error}"
    );
    #[cfg(unix)]
    {
        let error = trust(Path::new("/dev/zero"));
        assert!(error.chain().to_string().contains("larger than"), "{error}");
    }
}

/// The parser of the system's authorities has the same errors.
#[cfg(feature = "system-roots")]
#[test]
fn a_broken_file_of_the_systems_authorities_is_not_shown() {
    const HERE: &str = "AIOMSG_TEST_BROKEN_ROOTS";
    let name = "a_broken_file_of_the_systems_authorities_is_not_shown";
    if let Ok(content) = std::env::var(HERE) {
        let error = TlsConfig::builder()
            .trust_system_roots()
            .build()
            .unwrap_err();
        return refused("roots", &error, content.as_bytes(), "not well-formed pem");
    }
    let folder = tempfile::tempdir().unwrap();
    let content = pair().key.lines().collect::<String>();
    std::fs::write(folder.path().join("roots"), &content).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact"])
        .env(HERE, &content)
        .env("SSL_CERT_FILE", folder.path().join("roots"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
