//! TLS over loopback, with certificates as the cookbook makes them.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "tls/settings.rs"]
mod settings;

mod meeting;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aiomsg_core::Endpoint;
use aiomsg_transport::tls::rustls::crypto::ring;
use aiomsg_transport::tls::rustls::pki_types::pem::PemObject;
use aiomsg_transport::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use aiomsg_transport::tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use aiomsg_transport::tls::rustls::{ClientConfig, RootCertStore, ServerConfig, version};
use aiomsg_transport::tls::{TlsConfig, TlsConfigBuilder};
use aiomsg_transport::{Connector, ListenOptions, Listener};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tower::ServiceExt;

use meeting::{meet, refused};

// ===== certificates =====

/// Certificates of one test process.
struct Certificates {
    folder: PathBuf,
    made: AtomicUsize,
}

/// A certificate and its key.
#[derive(Clone)]
struct Pair {
    cert: PathBuf,
    key: PathBuf,
}

static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tls");
    std::fs::create_dir_all(&folder).unwrap();
    Certificates {
        folder,
        made: AtomicUsize::new(0),
    }
});

/// Two pairs that differ in nothing but the key.
static ONE: LazyLock<Pair> = LazyLock::new(cookbook);
static OTHER: LazyLock<Pair> = LazyLock::new(cookbook);

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output().expect(
        "these tests make certificates with the openssl command; install the package \"openssl\"",
    );
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn new_pair() -> Pair {
    let number = CERTIFICATES.made.fetch_add(1, Ordering::Relaxed);
    let file = |end| CERTIFICATES.folder.join(format!("{number}.{end}"));
    Pair {
        cert: file("cert"),
        key: file("key"),
    }
}

/// As the cookbook says, to the letter.
fn cookbook() -> Pair {
    let pair = new_pair();
    openssl(&[
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        text(&pair.key),
        "-x509",
        "-days",
        "365",
        "-out",
        text(&pair.cert),
        "-subj",
        "/C=GB/ST=Blah/L=Blah/O=Blah/OU=Blah/CN=example.com",
    ]);
    pair
}

/// A certificate for this name, issued by an authority.
fn issued(by: &Pair, name: &str) -> Pair {
    issued_until(by, name, "20491231235959Z")
}

/// The same, with the date of its end. Only `openssl ca` can set one in the
/// past, in all versions of openssl.
fn issued_until(by: &Pair, name: &str, end: &str) -> Pair {
    let pair = new_pair();
    let [request, settings, database] =
        ["csr", "conf", "db"].map(|end| pair.cert.with_extension(end));
    std::fs::write(&database, "").unwrap();
    let settings_text = format!(
        "[ca]\ndefault_ca=a\n\
         [a]\nnew_certs_dir={folder}\ndatabase={database}\nrand_serial=yes\n\
         default_md=sha256\npolicy=p\nx509_extensions=e\n\
         [p]\ncommonName=supplied\n\
         [e]\nsubjectAltName={name}\nbasicConstraints=critical,CA:FALSE\n",
        folder = text(&CERTIFICATES.folder),
        database = text(&database),
    );
    std::fs::write(&settings, settings_text).unwrap();
    openssl(&[
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        text(&pair.key),
        "-out",
        text(&request),
        "-subj",
        "/CN=issued",
    ]);
    openssl(&[
        "ca",
        "-batch",
        "-notext",
        "-config",
        text(&settings),
        "-in",
        text(&request),
        "-out",
        text(&pair.cert),
        "-cert",
        text(&by.cert),
        "-keyfile",
        text(&by.key),
        "-startdate",
        "20200101000000Z",
        "-enddate",
        end,
    ]);
    pair
}

// ===== sockets =====

fn presents(pair: &Pair) -> TlsConfigBuilder {
    TlsConfig::builder().certificate_files(&pair.cert, &pair.key)
}

/// Presents the one and trusts the other.
fn config(presented: &Pair, trusted: &Pair) -> TlsConfig {
    presents(presented)
        .trust_file(&trusted.cert)
        .build()
        .unwrap()
}

async fn listener(tls: TlsConfig) -> Listener {
    meeting::bind(&tls).await.unwrap()
}

// ===== what must work =====

#[tokio::test]
async fn the_cookbooks_certificate_works_on_both_ends() {
    let tls = config(&ONE, &ONE);
    let (near, far) = meet(tls.clone(), tls).await;

    let der = CertificateDer::from_pem_file(&ONE.cert).unwrap();
    for io in [near.unwrap(), far.unwrap()] {
        assert!(io.is_write_vectored());
        let tls = io.info().tls.as_ref().expect("the connection has tls");
        let certificate = tls.peer_certificate.as_ref().unwrap();
        assert_eq!(certificate.der(), der.as_ref());
        assert_eq!(certificate.common_name(), Some("example.com"));
    }
}

#[tokio::test]
async fn each_end_may_have_its_own_certificate() {
    let (near, far) = meet(config(&ONE, &OTHER), config(&OTHER, &ONE)).await;
    near.unwrap();
    far.unwrap();
}

#[tokio::test]
async fn large_data_passes() {
    let tls = config(&ONE, &ONE);
    let (near, far) = meet(tls.clone(), tls).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    let sent: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();

    let write = async {
        near.write_all(&sent).await.unwrap();
        near.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let read = async { far.read_to_end(&mut received).await.unwrap() };
    tokio::join!(write, read);

    assert!(received == sent);
}

#[tokio::test]
async fn without_trust_the_binding_end_asks_for_no_certificate() {
    let server = presents(&ONE).build().unwrap();
    let client = TlsConfig::builder().trust_file(&ONE.cert).build().unwrap();
    let (near, far) = meet(server, client).await;
    near.unwrap();
    let far = far.unwrap();
    assert_eq!(far.info().tls.as_ref().unwrap().peer_certificate, None);
}

#[tokio::test]
async fn pem_bytes_do_as_files_do() {
    let read = |path| std::fs::read(path).unwrap();
    let tls = TlsConfig::builder()
        .certificate_pem(read(&ONE.cert), read(&ONE.key))
        .trust_pem(read(&OTHER.cert))
        .trust_pem(read(&ONE.cert))
        .build()
        .unwrap();
    let (near, far) = meet(tls.clone(), tls).await;
    near.unwrap();
    far.unwrap();
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted_under_its_name() {
    let leaf = issued(&ONE, "IP:127.0.0.1,DNS:jobs.test");
    let (near, far) = meet(config(&leaf, &ONE), config(&leaf, &ONE)).await;
    near.unwrap();
    far.unwrap();

    let named = |name| {
        let client = presents(&leaf).trust_file(&ONE.cert).server_name(name);
        meet(config(&leaf, &ONE), client.build().unwrap())
    };
    let (near, far) = named("jobs.test").await;
    near.unwrap();
    far.unwrap();

    let (near, _) = named("others.test").await;
    refused(near, "\"others.test\" is expected");
}

#[tokio::test]
async fn a_pinned_certificate_may_have_any_name() {
    let leaf = issued(&ONE, "DNS:elsewhere.test");
    let (near, far) = meet(config(&leaf, &leaf), config(&leaf, &leaf)).await;
    near.unwrap();
    far.unwrap();
}

// ===== what must be refused =====

#[tokio::test]
async fn a_server_that_is_not_trusted_is_refused() {
    // Same subject, another key: the name proves nothing.
    let (near, far) = meet(config(&OTHER, &ONE), config(&ONE, &ONE)).await;
    refused(near, "the peer's certificate is not trusted");
    refused(
        far,
        "the peer refused our certificate: it does not trust it",
    );
}

#[tokio::test]
async fn a_client_that_is_not_trusted_is_refused() {
    let (near, far) = meet(config(&ONE, &ONE), config(&OTHER, &ONE)).await;
    refused(far, "the peer's certificate is not trusted");
    refused(
        near,
        "the peer refused our certificate: it does not trust it",
    );
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    let client = TlsConfig::builder().trust_file(&ONE.cert).build().unwrap();
    let (near, far) = meet(config(&ONE, &ONE), client).await;
    refused(far, "the peer presents no certificate");
    refused(near, "the peer demands a certificate");
}

#[tokio::test]
async fn an_expired_certificate_of_an_authority_is_refused_and_a_pinned_one_is_not() {
    let expired = issued_until(&ONE, "IP:127.0.0.1", "20200102000000Z");
    let (near, far) = meet(config(&expired, &ONE), config(&ONE, &ONE)).await;
    refused(near, "the peer's certificate is not valid now");
    refused(far, "the peer refused our certificate");

    let (near, far) = meet(config(&expired, &ONE), config(&ONE, &expired)).await;
    near.unwrap();
    far.unwrap();
}

/// A peer that merely knows a trusted certificate, which is no secret, must not
/// pass for its owner.
fn impostor() -> Arc<SingleCertAndKey> {
    let certificate = CertificateDer::from_pem_file(&ONE.cert).unwrap();
    let key = PrivateKeyDer::from_pem_file(&OTHER.key).unwrap();
    let key = ring::default_provider().key_provider.load_private_key(key);
    Arc::new(CertifiedKey::new(vec![certificate], key.unwrap()).into())
}

#[tokio::test]
async fn a_server_with_the_right_certificate_and_the_wrong_key_is_refused() {
    for protocol in [&version::TLS12, &version::TLS13] {
        let server = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[protocol])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(impostor());
        let server = TlsConfig::from_rustls(None, Some(Arc::new(server)));
        let (near, far) = meet(server, config(&ONE, &ONE)).await;
        refused(near, "without proof that the peer holds its key");
        refused(far, "the peer refused our proof");
    }
}

#[tokio::test]
async fn a_client_with_the_right_certificate_and_the_wrong_key_is_refused() {
    // Issued by what this client trusts, so that it accepts the server by
    // rustls' own verifier.
    let leaf = issued(&ONE, "IP:127.0.0.1");
    for protocol in [&version::TLS12, &version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(&ONE.cert).unwrap())
            .unwrap();
        let client = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[protocol])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(impostor());
        let client = TlsConfig::from_rustls(Some(Arc::new(client)), None);
        let (near, far) = meet(config(&leaf, &ONE), client).await;
        refused(far, "without proof that the peer holds its key");
        refused(near, "the peer refused our proof");
    }
}

// ===== tls and plain =====

/// A plain peer may send three bytes and wait for ours. A TLS end that waits
/// for a whole record header then waits for good.
#[tokio::test]
async fn a_plain_peer_on_a_tls_port_is_refused_at_its_first_byte() {
    let mut listener = listener(config(&ONE, &ONE)).await;
    let port = listener.local_endpoint().port().unwrap();
    let plain = Endpoint::tcp("127.0.0.1", port);
    let mut near = Connector::new().oneshot(plain).await.unwrap();
    near.write_all(&[0, 0, 0]).await.unwrap();

    let secured = listener.accept().await.unwrap().secure();
    let secured = timeout(Duration::from_secs(5), secured).await.unwrap();

    let error = secured.unwrap_err();
    assert_eq!(error.endpoint(), Some(&listener.local_endpoint()));
    refused(Err(error), "does it connect with tcp://");
    // Closed or reset, but not left waiting.
    assert!(!matches!(near.read(&mut [0]).await, Ok(1..)));
}

/// A listener without TLS, and the TLS endpoint that takes it for one with.
async fn plain_listener() -> (Listener, Endpoint) {
    let plain = Endpoint::tcp("127.0.0.1", 0);
    let listener = Listener::bind(&plain, &ListenOptions::new()).await.unwrap();
    let endpoint = Endpoint::tls("127.0.0.1", listener.local_endpoint().port().unwrap());
    (listener, endpoint)
}

#[tokio::test]
async fn tls_to_a_plain_port_that_answers_is_told() {
    let (mut listener, endpoint) = plain_listener().await;
    let answer = async {
        let mut far = listener.accept().await.unwrap().secure().await.unwrap();
        far.write_all(b"\0\0\0\x10aiomsg-heartbeat").await.unwrap();
        // It does not close, and the connecting end must not wait for that.
        far
    };
    let dial = Connector::new()
        .tls(config(&ONE, &ONE))
        .oneshot(endpoint.clone());
    let (near, _far) = timeout(Duration::from_secs(5), async { tokio::join!(dial, answer) })
        .await
        .unwrap();

    let error = near.unwrap_err();
    assert_eq!(error.endpoint(), Some(&endpoint));
    refused(Err(error), "the peer does not speak tls");
}

#[tokio::test]
async fn tls_to_a_plain_port_that_closes_is_told() {
    let (mut listener, endpoint) = plain_listener().await;
    let close = async { drop(listener.accept().await.unwrap()) };
    let dial = Connector::new().tls(config(&ONE, &ONE)).oneshot(endpoint);
    let (near, ()) = tokio::join!(dial, close);
    refused(near, "is its endpoint a plain one?");
}

#[tokio::test]
async fn a_silent_peer_holds_up_nobody_else() {
    let mut listener = listener(config(&ONE, &ONE)).await;
    let endpoint = listener.local_endpoint();
    let plain = Endpoint::tcp("127.0.0.1", endpoint.port().unwrap());
    let _silent = Connector::new().oneshot(plain).await.unwrap();
    let stuck = tokio::spawn(listener.accept().await.unwrap().secure());

    let dial = Connector::new().tls(config(&ONE, &ONE)).oneshot(endpoint);
    let accept = async { listener.accept().await?.secure().await };
    let (near, far) = tokio::join!(dial, accept);

    near.unwrap();
    far.unwrap();
    assert!(!stuck.is_finished());
    stuck.abort();
}
