//! What is trusted, and how settings are renewed while they are in use.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "tls_settings/demanded.rs"]
mod demanded;

mod meeting;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::Certificate;
use aiomsg_transport::tls::rustls::RootCertStore;
use aiomsg_transport::tls::rustls::crypto::ring;
use aiomsg_transport::tls::rustls::pki_types::pem::PemObject;
use aiomsg_transport::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use aiomsg_transport::tls::{TlsConfig, TlsConfigBuilder};
use aiomsg_transport::{Io, Listener};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use meeting::{bind, connect, greet, meet, refused};

// ===== certificates =====

type Authority = CertifiedIssuer<'static, KeyPair>;

struct Pair {
    cert: String,
    key: String,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    params
}

fn authority(name: &str) -> Authority {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issued(by: &Authority, name: &str) -> Pair {
    let key = KeyPair::generate().unwrap();
    Pair {
        cert: params(name).signed_by(&key, by).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn presents(pair: &Pair) -> TlsConfigBuilder {
    TlsConfig::builder().certificate_pem(pair.cert.as_str(), pair.key.as_str())
}

fn write(folder: &Path, pair: &Pair) {
    std::fs::write(folder.join("cert"), &pair.cert).unwrap();
    std::fs::write(folder.join("key"), &pair.key).unwrap();
}

// ===== connections =====

fn shown(io: &Io) -> &Certificate {
    io.info()
        .certificate()
        .expect("a certificate was presented")
}

// ===== pins =====

#[tokio::test]
async fn a_pin_is_for_exactly_one_certificate_and_not_for_what_it_has_issued() {
    let root = authority("root");
    let leaf = issued(&root, "leaf");
    let root_pair = Pair {
        cert: root.pem(),
        key: root.key().serialize_pem(),
    };
    let pins_root = |pair: &Pair| presents(pair).pin_pem(root.pem()).build().unwrap();
    let pins_leaf = |pair: &Pair| presents(pair).pin_pem(leaf.cert.as_str()).build().unwrap();

    let (near, far) = meet(&pins_leaf(&root_pair), &pins_root(&leaf)).await;
    assert_eq!(shown(&near.unwrap()).common_name(), Some("root"));
    assert_eq!(shown(&far.unwrap()).common_name(), Some("leaf"));

    // Issued by what is pinned, at either end.
    let (near, _) = meet(&pins_leaf(&leaf), &pins_root(&leaf)).await;
    refused(near, "the peer's certificate is not trusted");
    let (_, far) = meet(&pins_root(&root_pair), &pins_root(&leaf)).await;
    refused(far, "the peer's certificate is not trusted");
}

#[tokio::test]
async fn names_and_dates_of_a_pinned_certificate_do_not_matter() {
    let mut old = params("old");
    old.not_after = rcgen::date_time_ymd(2001, 1, 1);
    old.subject_alt_names = vec![SanType::DnsName("elsewhere.test".try_into().unwrap())];
    let key = KeyPair::generate().unwrap();
    let pair = Pair {
        cert: old.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    };
    let tls = presents(&pair).pin_pem(pair.cert.as_str()).build().unwrap();
    let (near, far) = meet(&tls, &tls).await;
    near.unwrap();
    far.unwrap();
}

#[tokio::test]
async fn pins_and_authorities_go_together() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let (leaf, partner) = (issued(&ours, "leaf"), issued(&theirs, "partner"));
    let server = presents(&leaf)
        .trust_pem(ours.pem())
        .pin_pem(partner.cert.as_str())
        .build()
        .unwrap();
    let client = |pair: &Pair| presents(pair).trust_pem(ours.pem()).build().unwrap();
    for (pair, name) in [(&leaf, "leaf"), (&partner, "partner")] {
        let (near, far) = meet(&server, &client(pair)).await;
        near.unwrap();
        assert_eq!(shown(&far.unwrap()).common_name(), Some(name));
    }
    let (_, far) = meet(&server, &client(&issued(&theirs, "another"))).await;
    refused(far, "is not trusted");
}

#[test]
fn a_pin_that_is_no_certificate_is_refused() {
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (builder, expected) in [
        (TlsConfig::builder().pin_pem("x"), "bytes given as pinned"),
        (TlsConfig::builder().pin_pem(pem), "cannot be used"),
        (
            TlsConfig::builder().pin_file("no/such/file"),
            "no/such/file",
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.is_config(), "{error}");
        assert!(error.chain().to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn everyone_may_connect_where_that_is_said() {
    let root = authority("root");
    let leaf = issued(&root, "leaf");
    let server = presents(&leaf)
        .trust_pem(root.pem())
        .without_client_certificates();
    let client = TlsConfig::builder().trust_pem(root.pem()).build().unwrap();
    let (near, far) = meet(&server.build().unwrap(), &client).await;
    near.unwrap();
    assert!(far.unwrap().info().certificate().is_none());
}

// ===== the system's authorities =====

/// What the system trusts is read from the environment, which a test cannot
/// change: the second half is this test again, in a process of its own.
#[cfg(feature = "system-roots")]
#[tokio::test]
async fn the_systems_authorities_are_for_connecting_only() {
    const FOLDER: &str = "AIOMSG_TEST_SYSTEM_ROOTS";
    let name = "the_systems_authorities_are_for_connecting_only";
    if let Ok(folder) = std::env::var(FOLDER) {
        return with_system_roots(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let web = authority("the web");
    std::fs::write(folder.path().join("web"), web.pem()).unwrap();
    write(folder.path(), &issued(&web, "of the web"));
    for (roots, expected) in [("web", true), ("missing", false)] {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact"])
            .env(FOLDER, folder.path())
            .env("SSL_CERT_FILE", folder.path().join(roots))
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.success(), expected, "{roots}: {said}");
        let why = "the system's authorities cannot be used";
        assert!(expected || said.contains(why), "{said}");
    }
}

#[cfg(feature = "system-roots")]
async fn with_system_roots(folder: &Path) {
    let read = |name| std::fs::read_to_string(folder.join(name)).unwrap();
    let web = Pair {
        cert: read("cert"),
        key: read("key"),
    };
    let client = TlsConfig::builder().trust_system_roots().build().unwrap();
    let server = presents(&web).build().unwrap();
    let (near, far) = meet(&server, &client).await;
    assert_eq!(shown(&near.unwrap()).common_name(), Some("of the web"));
    far.unwrap();

    // A client with a certificate of the web is nobody.
    let private = authority("private");
    let own = issued(&private, "server");
    let both = presents(&own).trust_pem(private.pem()).trust_system_roots();
    let both = both.build().unwrap();
    let client = presents(&web).trust_pem(private.pem()).build().unwrap();
    let (_, far) = meet(&both, &client).await;
    refused(far, "is not trusted");
    let client = presents(&own).trust_pem(private.pem()).build().unwrap();
    let (near, far) = meet(&both, &client).await;
    near.unwrap();
    far.unwrap();

    // And where there is nothing else to say who may connect, nobody guesses.
    let unclear = presents(&web).trust_system_roots();
    let error = bind(&unclear.clone().build().unwrap()).await.unwrap_err();
    assert!(error.is_config(), "{error}");
    assert!(
        error.chain().to_string().contains("whom to accept"),
        "{error}"
    );
    bind(&unclear.without_client_certificates().build().unwrap())
        .await
        .unwrap();
}

// ===== renewal =====

/// A server with its certificate, "first", in files, and a client that trusts who
/// has issued it.
struct Renewed {
    folder: tempfile::TempDir,
    root: Authority,
    server: TlsConfig,
    client: TlsConfig,
    listener: Listener,
}

impl Renewed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = authority("root");
        let at = |name| folder.path().join(name);
        write(folder.path(), &issued(&root, "first"));
        let server = TlsConfig::builder()
            .certificate_files(at("cert"), at("key"))
            .build()
            .unwrap();
        let client = TlsConfig::builder().trust_pem(root.pem()).build().unwrap();
        let listener = bind(&server).await.unwrap();
        Self {
            folder,
            root,
            server,
            client,
            listener,
        }
    }
}

#[tokio::test]
async fn a_reload_is_for_new_connections_and_all_clones() {
    let Renewed {
        folder,
        root,
        server,
        client,
        mut listener,
    } = Renewed::new().await;
    let at = |name| folder.path().join(name);
    let (near, far) = connect(&mut listener, &client).await;
    let (mut old_near, mut old_far) = (near.unwrap(), far.unwrap());
    assert_eq!(shown(&old_near).common_name(), Some("first"));

    let second = issued(&root, "second");
    // Half of it: the key is still the old one.
    std::fs::write(at("cert"), &second.cert).unwrap();
    let error = server.reload().unwrap_err();
    assert!(error.is_config(), "{error}");
    assert!(
        error
            .chain()
            .to_string()
            .contains("is not that of the certificate"),
        "{error}"
    );
    let (near, _) = connect(&mut listener, &client).await;
    assert_eq!(shown(&near.unwrap()).common_name(), Some("first"));

    write(folder.path(), &second);
    server.clone().reload().unwrap();
    let (near, _) = connect(&mut listener, &client).await;
    assert_eq!(shown(&near.unwrap()).common_name(), Some("second"));

    std::fs::remove_file(at("key")).unwrap();
    let error = server.reload().unwrap_err().chain().to_string();
    assert!(error.contains("key: no such file"), "{error}");

    // The old connection has not noticed.
    old_near.write_all(b"still here").await.unwrap();
    old_near.flush().await.unwrap();
    let mut bytes = [0; 10];
    old_far.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"still here");
}

#[tokio::test]
async fn settings_without_files_are_replaced_and_keep_their_roles() {
    let root = authority("root");
    let server = presents(&issued(&root, "first")).build().unwrap();
    let client = TlsConfig::builder().trust_pem(root.pem()).build().unwrap();
    let mut listener = bind(&server).await.unwrap();

    for tls in [&server, &client, &TlsConfig::from_rustls(None, None)] {
        let error = tls.reload().unwrap_err();
        assert!(error.is_config(), "{error}");
        assert!(
            error.chain().to_string().contains("replace_with"),
            "{error}"
        );
    }
    for (lost, old, new) in [
        ("binding", &server, &client),
        ("connecting", &client, &server),
    ] {
        let error = old.replace_with(new).unwrap_err();
        assert!(error.is_config(), "{error}");
        assert!(error.chain().to_string().contains(lost), "{error}");
    }
    let second = presents(&issued(&root, "second")).build().unwrap();
    server.replace_with(&second).unwrap();
    let (near, _) = connect(&mut listener, &client).await;
    assert_eq!(shown(&near.unwrap()).common_name(), Some("second"));
}

#[tokio::test]
async fn a_watch_reloads_by_itself_and_says_once_what_is_wrong() {
    let Renewed {
        folder,
        root,
        server,
        client,
        mut listener,
    } = Renewed::new().await;
    let at = |name| folder.path().join(name);
    let (tell, mut told) = mpsc::channel(16);
    let interval = Duration::from_millis(20);
    let watch = server.watch(interval, move |outcome| tell.try_send(outcome).unwrap());
    let watching = tokio::spawn(watch);
    let mut outcome = async || {
        let outcome = timeout(Duration::from_secs(10), told.recv()).await;
        outcome.expect("the watch says something").unwrap()
    };

    let second = issued(&root, "second");
    std::fs::write(at("key"), &second.key).unwrap();
    let error = outcome().await.unwrap_err();
    assert!(
        error.chain().to_string().contains("is not that of"),
        "{error}"
    );
    // It is tried again, and not told again.
    tokio::time::sleep(interval * 5).await;
    std::fs::write(at("cert"), &second.cert).unwrap();
    outcome().await.unwrap();
    let (near, _) = connect(&mut listener, &client).await;
    assert_eq!(shown(&near.unwrap()).common_name(), Some("second"));
    watching.abort();
}

/// It ended the watch: certificates expired, as nobody looked at the files again.
#[tokio::test]
async fn a_function_that_panics_on_a_reload_does_not_end_the_watch() {
    let Renewed {
        folder,
        root,
        server,
        client,
        mut listener,
    } = Renewed::new().await;
    let at = |name| folder.path().join(name);
    let (tell, mut told) = mpsc::channel(16);
    let watch = server.watch(Duration::from_millis(20), move |outcome| {
        tell.try_send(outcome.is_ok()).unwrap();
        panic!("as the test wants");
    });
    let watching = tokio::spawn(watch);
    let mut outcome = async || timeout(Duration::from_secs(10), told.recv()).await.unwrap();
    let second = issued(&root, "second");
    std::fs::write(at("key"), &second.key).unwrap();
    assert_eq!(outcome().await, Some(false));
    std::fs::write(at("cert"), &second.cert).unwrap();
    assert_eq!(outcome().await, Some(true));
    let (near, _) = connect(&mut listener, &client).await;
    assert_eq!(shown(&near.unwrap()).common_name(), Some("second"));
    watching.abort();
}
