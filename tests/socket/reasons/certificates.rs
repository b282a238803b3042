//! The problem of a certificate is named in the logs of both ends, as far as TLS tells.

use super::*;
use crate::authority::{Authority, Wanted};
use crate::bad_input::{dial_failed, refused};
use aiomsg::TlsConfig;

/// A client and a server with these settings do not get together, for these reasons.
async fn apart(client: TlsConfig, server: TlsConfig, at_client: &str, at_server: &str) {
    let (log, _guard) = Collected::start();
    let listening = Socket::builder().tls(server).build().unwrap();
    let endpoint = listening.bind("tls://127.0.0.1:0").await.unwrap();
    let dialling = Socket::builder().tls(client).build().unwrap();
    let (mut heard, mut dialled) = (listening.events(), dialling.events());
    dialling.connect(endpoint.clone()).unwrap();
    refused(&mut heard).await;
    dial_failed(&mut dialled).await;
    for (message, reason) in [
        ("could not connect, will try again", at_client),
        ("a peer was refused", at_server),
    ] {
        let lines = log.of(message);
        assert_eq!(lines.len(), 1, "{:?}", log.warnings());
        assert!(lines[0].get("reason").contains(reason), "{lines:?}");
        assert_eq!(lines[0].get("endpoint"), endpoint.to_string());
    }
    assert_eq!(log.warnings().len(), 2, "{:?}", log.warnings());
}

#[tokio::test]
async fn of_a_client() {
    let root = Authority::root("root");
    let server = || root.issue(Wanted::named("server")).and_trust(&root.pem());
    let expired = root.issue(Wanted::named("client").years(2001, 2002));
    apart(
        expired.and_trust(&root.pem()),
        server(),
        "the peer refused our certificate: it is not valid now",
        "the peer's certificate is not valid now: certificate expired",
    )
    .await;
    let stranger = Authority::root("another").issue(Wanted::named("client"));
    apart(
        stranger.and_trust(&root.pem()),
        server(),
        "the peer refused our certificate: it does not trust it",
        "the peer's certificate is not trusted",
    )
    .await;
    let none = TlsConfig::builder().trust_pem(root.pem()).build().unwrap();
    apart(
        none,
        server(),
        "the peer demands a certificate, and we have none to present",
        "the peer presents no certificate, and one is demanded",
    )
    .await;
}

#[tokio::test]
async fn of_a_server() {
    let root = Authority::root("root");
    let client = || root.issue(Wanted::named("client")).and_trust(&root.pem());
    let expired = root.issue(Wanted::named("server").years(2001, 2002));
    apart(
        client(),
        expired.and_trust(&root.pem()),
        "the peer's certificate is not valid now: certificate expired",
        "the peer refused our certificate: it is not valid now",
    )
    .await;
    let stranger = Authority::root("another").issue(Wanted::named("server"));
    apart(
        client(),
        stranger.and_trust(&root.pem()),
        "the peer's certificate is not trusted",
        "the peer refused our certificate: it does not trust it",
    )
    .await;
    let elsewhere = root.issue(Wanted::named("server").dns("elsewhere.test"));
    apart(
        client(),
        elsewhere.and_trust(&root.pem()),
        "has another name: \"127.0.0.1\" is expected",
        "the peer refused our certificate",
    )
    .await;
}
