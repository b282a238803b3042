use super::*;
use aiomsg::tls::rustls::crypto::ring;
use aiomsg::tls::rustls::pki_types::pem::PemObject;
use aiomsg::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use aiomsg::tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use aiomsg::tls::rustls::{ClientConfig, RootCertStore, ServerConfig, version};

#[tokio::test]
async fn a_certificate_of_another_authority() {
    let mut world = World::new().await;
    // Of the same name, which proves nothing.
    let stranger = Authority::root("root").issue(Wanted::named("good"));
    let tls = stranger.and_trust(&world.root.pem());
    let reason = "the peer's certificate is not trusted";
    let theirs = "the peer refused our certificate: it does not trust it";
    world.refuses(tls.clone(), reason, theirs).await;
    world.is_refused(tls, reason, theirs).await;
    world.good_is_unharmed().await;
}

async fn dates(from: i32, until: i32, reason: &str) {
    let mut world = World::new().await;
    let wanted = Wanted::named("good").years(from, until);
    let tls = world.root.issue(wanted).and_trust(&world.root.pem());
    let theirs = "the peer refused our certificate";
    world.refuses(tls.clone(), reason, theirs).await;
    world.is_refused(tls, reason, theirs).await;
    world.good_is_unharmed().await;
}

#[tokio::test]
async fn an_expired_certificate() {
    dates(
        2001,
        2002,
        "the peer's certificate is not valid now: certificate expired",
    )
    .await;
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet() {
    dates(
        2998,
        2999,
        "the peer's certificate is not valid now: certificate not valid yet",
    )
    .await;
}

/// A server's, as only a server has a name that is asked for.
#[tokio::test]
async fn a_certificate_for_another_name() {
    let mut world = World::new().await;
    let wanted = Wanted::named("good").dns("elsewhere.test");
    let tls = world.root.issue(wanted).and_trust(&world.root.pem());
    let reason = "has another name: \"127.0.0.1\" is expected, it has";
    world
        .is_refused(tls, reason, "the peer refused our certificate")
        .await;
    world.good_is_unharmed().await;
}

#[tokio::test]
async fn no_certificate() {
    let mut world = World::new().await;
    let tls = TlsConfig::builder().trust_pem(world.root.pem());
    let reason = "the peer presents no certificate, and one is demanded";
    let theirs = "the peer demands a certificate, and we have none to present";
    world.refuses(tls.build().unwrap(), reason, theirs).await;
    world.good_is_unharmed().await;
}

/// A certificate is no secret: anyone can present it.
fn impostor(certificate: &Issued, key: &Issued) -> Arc<SingleCertAndKey> {
    let chain = vec![CertificateDer::from_pem_slice(certificate.chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.key.as_bytes()).unwrap();
    let key = ring::default_provider().key_provider.load_private_key(key);
    Arc::new(CertifiedKey::new(chain, key.unwrap()).into())
}

#[tokio::test]
async fn the_right_certificate_and_the_wrong_key() {
    let mut world = World::new().await;
    let [right, wrong] = ["right", "wrong"].map(|name| world.root.issue(Wanted::named(name)));
    let root = CertificateDer::from_pem_slice(world.root.pem().as_bytes()).unwrap();
    for protocol in [&version::TLS12, &version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[protocol])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(impostor(&right, &wrong));
        let server = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[protocol])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(impostor(&right, &wrong));
        let tls = TlsConfig::from_rustls(Some(client.into()), Some(server.into()));
        let reason = "is presented without proof that the peer holds its key";
        let theirs = "the peer refused our proof that we hold the key";
        world.refuses(tls.clone(), reason, theirs).await;
        world.is_refused(tls, reason, theirs).await;
    }
    world.good_is_unharmed().await;
}
