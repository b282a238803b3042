//! What holds of a certificate holds of each connection anew.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod meeting;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aiomsg_core::Error;
use aiomsg_transport::Listener;
use aiomsg_transport::tls::rustls::crypto::ring;
use aiomsg_transport::tls::rustls::pki_types::pem::PemObject;
use aiomsg_transport::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use aiomsg_transport::tls::rustls::version::{TLS12, TLS13};
use aiomsg_transport::tls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, StreamOwned,
    SupportedProtocolVersion,
};
use aiomsg_transport::tls::{TlsConfig, TlsConfigBuilder};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::sleep;

use meeting::{bind, connect, greet, refused};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

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
    issued_by(by, &params(name))
}

fn issued_until(by: &Authority, name: &str, end: SystemTime) -> Pair {
    let mut params = params(name);
    params.not_after = end.into();
    issued_by(by, &params)
}

fn issued_by(by: &Authority, params: &CertificateParams) -> Pair {
    let key = KeyPair::generate().unwrap();
    Pair {
        cert: params.signed_by(&key, by).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

impl Pair {
    fn for_rustls(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (
            vec![CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap(),
        )
    }
}

fn presents(pair: &Pair) -> TlsConfigBuilder {
    TlsConfig::builder().certificate_pem(pair.cert.as_str(), pair.key.as_str())
}

fn write(folder: &Path, pair: &Pair) {
    std::fs::write(folder.join("cert"), &pair.cert).unwrap();
    std::fs::write(folder.join("key"), &pair.key).unwrap();
}

// ===== a client of rustls alone =====

/// It keeps what it may resume with.
#[derive(Clone)]
struct Resuming(Arc<ClientConfig>);

impl Resuming {
    fn new(
        version: &'static SupportedProtocolVersion,
        root: &Authority,
        own: Option<&Pair>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        Self(Arc::new(match own.map(Pair::for_rustls) {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        }))
    }

    /// Says how the handshake went.
    async fn connect(&self, port: u16) -> Result<HandshakeKind, std::io::Error> {
        let Self(config) = self.clone();
        let connect = move || {
            let name = "127.0.0.1".try_into().unwrap();
            let session = ClientConnection::new(config, name).unwrap();
            let stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            let mut tls = StreamOwned::new(session, stream);
            tls.write_all(b"!")?;
            // The tickets come before this byte.
            tls.read_exact(&mut [0])?;
            Ok(tls.conn.handshake_kind().unwrap())
        };
        spawn_blocking(connect).await.unwrap()
    }
}

/// Greets all that come.
fn greeting(mut listener: Listener) -> (u16, AbortHandle) {
    let port = listener.local_endpoint().port().unwrap();
    let accepting = tokio::spawn(async move {
        loop {
            let incoming = listener.accept().await.unwrap();
            if let Ok(io) = incoming.secure().await {
                let _ = greet(io).await;
            }
        }
    });
    (port, accepting.abort_handle())
}

// ===== dates =====

/// How long a certificate is valid, in seconds: a machine may be too busy for
/// what is first done with it.
const VALID_FOR: [u64; 3] = [3, 10, 30];

async fn has_come(time: SystemTime) {
    // Dates of certificates have whole seconds, and are part of them.
    let after = time + Duration::from_secs(1);
    while let Ok(left) = after.duration_since(SystemTime::now()) {
        sleep(left + Duration::from_millis(1)).await;
    }
}

/// A resumed session has no certificates in its handshake, so their dates were
/// not looked at.
#[tokio::test]
async fn a_client_whose_certificate_has_expired_since_is_not_let_in_by_its_session() {
    let (root, clients) = (authority("root"), authority("clients"));
    let server = presents(&issued(&root, "server"))
        .trust_pem(clients.pem())
        .build()
        .unwrap();
    let (port, accepting) = greeting(bind(&server).await.unwrap());

    let mut in_time = None;
    for seconds in VALID_FOR {
        let end = SystemTime::now() + Duration::from_secs(seconds);
        let own = issued_until(&clients, "client", end);
        let clients = VERSIONS.map(|version| Resuming::new(version, &root, Some(&own)));
        let first = clients[0].connect(port).await.is_ok();
        if first && clients[1].connect(port).await.is_ok() {
            in_time = Some((clients, end));
            break;
        }
    }
    let (clients, end) = in_time.expect("a certificate is used while it is valid");
    has_come(end).await;
    for client in clients {
        let error = client.connect(port).await.unwrap_err();
        assert!(error.to_string().contains("CertificateExpired"), "{error}");
    }
    accepting.abort();
}

#[tokio::test]
async fn a_server_whose_certificate_has_expired_since_is_refused() {
    let root = authority("root");
    let client = TlsConfig::builder().trust_pem(root.pem()).build().unwrap();
    let mut in_time = None;
    for seconds in VALID_FOR {
        let end = SystemTime::now() + Duration::from_secs(seconds);
        let own = issued_until(&root, "server", end);
        let mut listeners = Vec::new();
        for version in VERSIONS {
            let mut listener = bind(&of_rustls(version, &own)).await.unwrap();
            if connect(&mut listener, &client).await.0.is_ok() {
                listeners.push(listener);
            }
        }
        if listeners.len() == VERSIONS.len() {
            in_time = Some((listeners, end));
            break;
        }
    }
    let (listeners, end) = in_time.expect("a certificate is used while it is valid");
    has_come(end).await;
    for mut listener in listeners {
        let (near, _) = connect(&mut listener, &client).await;
        refused(near, "is not valid now");
    }
}

/// A server of rustls, which has its sessions resumed.
fn of_rustls(version: &'static SupportedProtocolVersion, own: &Pair) -> TlsConfig {
    let (chain, key) = own.for_rustls();
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    TlsConfig::from_rustls(None, Some(Arc::new(config)))
}

// ===== trust =====

/// A client that is trusted no more does not come in by what it had agreed on
/// before.
#[tokio::test]
async fn a_client_that_is_trusted_no_more_is_not_let_in_by_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name| folder.path().join(name);
    let (root, clients) = (authority("root"), authority("clients"));
    let own = issued(&clients, "client");
    write(folder.path(), &issued(&root, "server"));
    std::fs::write(at("clients"), clients.pem()).unwrap();
    let server = TlsConfig::builder()
        .certificate_files(at("cert"), at("key"))
        .trust_file(at("clients"))
        .build()
        .unwrap();
    let (port, accepting) = greeting(bind(&server).await.unwrap());

    for version in VERSIONS {
        std::fs::write(at("clients"), clients.pem()).unwrap();
        server.reload().unwrap();
        let client = Resuming::new(version, &root, Some(&own));
        for _ in 0..2 {
            // A client's certificate is verified each time.
            assert_eq!(client.connect(port).await.unwrap(), HandshakeKind::Full);
        }
        std::fs::write(at("clients"), authority("others").pem()).unwrap();
        server.reload().unwrap();
        let error = client.connect(port).await.unwrap_err();
        assert!(error.to_string().contains("UnknownCA"), "{error}");
    }
    accepting.abort();
}

#[tokio::test]
async fn a_server_that_is_trusted_no_more_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("servers");
    let root = authority("root");
    let own = issued(&root, "server");
    for version in VERSIONS {
        std::fs::write(&trusted, root.pem()).unwrap();
        let client = TlsConfig::builder().trust_file(&trusted).build().unwrap();
        let mut listener = bind(&of_rustls(version, &own)).await.unwrap();
        for _ in 0..2 {
            let (near, _) = connect(&mut listener, &client).await;
            near.unwrap();
        }
        std::fs::write(&trusted, authority("others").pem()).unwrap();
        client.reload().unwrap();
        let (near, _) = connect(&mut listener, &client).await;
        refused(near, "not trusted");
    }
}

/// A server that asks for no certificates has none to look at again. A client
/// may resume with it, and is presented the new certificate after a reload.
#[tokio::test]
async fn nothing_is_resumed_across_a_reload() -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let at = |name| folder.path().join(name);
    let root = authority("root");
    write(folder.path(), &issued(&root, "server"));
    let server = TlsConfig::builder()
        .certificate_files(at("cert"), at("key"))
        .build()?;
    let (port, accepting) = greeting(bind(&server).await?);
    for version in VERSIONS {
        let client = Resuming::new(version, &root, None);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            assert_eq!(client.connect(port).await.unwrap(), expected);
        }
        server.reload()?;
        assert_eq!(client.connect(port).await.unwrap(), HandshakeKind::Full);
    }
    accepting.abort();
    Ok(())
}
