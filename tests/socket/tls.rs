//! TLS, between our sockets.

use super::bad_input::{dial_failed, refused};
use super::*;
use aiomsg::TlsConfig;

/// A certificate that is its own authority, made as the Python library's
/// cookbook makes it.
pub(crate) fn certificate() -> (tempfile::TempDir, TlsConfig) {
    let directory = tempfile::tempdir().expect("a directory for the certificate");
    let output = std::process::Command::new("openssl")
        .args("req -newkey rsa:2048 -nodes -keyout server.key -x509 -days 365".split(' '))
        .args(["-out", "server.cert", "-subj"])
        .arg("/C=GB/ST=Blah/L=Blah/O=Blah/OU=Blah/CN=example.com")
        .current_dir(directory.path())
        .output()
        .expect("the openssl command is installed (package openssl)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let at = |name| directory.path().join(name);
    let tls = TlsConfig::builder()
        .certificate_files(at("server.cert"), at("server.key"))
        .trust_file(at("server.cert"))
        .build()
        .unwrap();
    (directory, tls)
}

/// They took the place of each other for ever, since the certificates were the same.
#[tokio::test]
async fn a_second_dial_to_the_same_peer_leaves_the_first_connection() {
    let (_directory, tls) = certificate();
    let server = Socket::builder()
        .tls(tls.clone())
        .heartbeat_interval(Duration::from_millis(100));
    let server = server.build().unwrap();
    let endpoint = server.bind("tls://127.0.0.1:0").await.unwrap();
    let client = Socket::builder().tls(tls).build().unwrap();
    let mut events = client.events();
    client.connect(endpoint.clone()).unwrap();
    within("the first", client.wait_for_peers(1)).await.unwrap();
    client
        .connect(Endpoint::tls("localhost", endpoint.port().unwrap()))
        .unwrap();
    for _ in 0..2 {
        let error = event(&mut events, "the second dial", |event| match event {
            Event::DialFailed { error, .. } => Some(error),
            Event::PeerDown { .. } => panic!("the first connection has ended: {event:?}"),
            _ => None,
        })
        .await;
        assert!(error.is_identity_in_use(), "{error}");
    }
}

#[tokio::test]
async fn tls_on_a_plain_port_and_the_reverse() {
    let (_directory, tls) = certificate();
    let secure = Socket::builder().tls(tls.clone()).build().unwrap();
    let tls_endpoint = secure.bind("tls://127.0.0.1:0").await.unwrap();
    let plain_endpoint = secure.bind("127.0.0.1:0").await.unwrap();
    let mut events = secure.events();

    let confused = Socket::builder().tls(tls.clone()).build().unwrap();
    let mut confused_events = confused.events();
    let port = plain_endpoint.port().unwrap();
    confused.connect(Endpoint::tls("127.0.0.1", port)).unwrap();
    let error = refused(&mut events).await;
    assert!(error.to_string().contains("speaks tls"), "{error}");
    let error = dial_failed(&mut confused_events).await;
    assert!(!error.to_string().is_empty());
    confused.close(Duration::ZERO).await;

    let plain = Socket::new().unwrap();
    plain
        .connect(Endpoint::tcp("127.0.0.1", tls_endpoint.port().unwrap()))
        .unwrap();
    let error = event(&mut events, "the plain peer", |event| match event {
        Event::AcceptFailed {
            endpoint, error, ..
        } if endpoint == tls_endpoint => Some(error),
        _ => None,
    })
    .await;
    assert!(error.is_tls(), "{error}");
    assert!(error.to_string().contains("does not begin tls"), "{error}");

    let good = Socket::builder().tls(tls).build().unwrap();
    good.connect(tls_endpoint).unwrap();
    good.send("over tls").await.unwrap();
    assert_eq!(
        within("a message", secure.recv()).await.unwrap(),
        "over tls"
    );
    assert!(
        secure.peers()[0]
            .tls
            .as_ref()
            .unwrap()
            .peer_certificate
            .is_some()
    );
}

/// Pitfall 13: a peer that said nothing, not even of TLS, was waited for without
/// end, at either end.
#[tokio::test(start_paused = true)]
async fn silence_where_tls_is_expected_ends_in_time() {
    let (_directory, tls) = certificate();
    let socket = Socket::builder().tls(tls).build().unwrap();
    let mut events = socket.events();
    let endpoint = socket.bind("tls://127.0.0.1:0").await.unwrap();
    let _silent = Raw::connect(&endpoint).await;
    let error = refused(&mut events).await;
    assert!(error.is_timeout(), "{error}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    socket.connect(Endpoint::tls("127.0.0.1", port)).unwrap();
    let _silent = within("the socket", listener.accept()).await.unwrap();
    let error = dial_failed(&mut events).await;
    assert!(error.is_timeout(), "{error}");
}
