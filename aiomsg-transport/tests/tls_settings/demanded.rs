//! A certificate that the other end demands.

use super::*;

/// A server of rustls alone that demands a certificate. It ends the connection
/// where the client presents none, with the alert that says why or without it,
/// as where a reset overtakes it.
fn demanding(root: &Authority, own: &Pair, alerts: bool) -> u16 {
    use aiomsg_transport::tls::rustls::server::WebPkiClientVerifier;
    use aiomsg_transport::tls::rustls::{ServerConfig, ServerConnection};
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(own.cert.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut session = ServerConnection::new(Arc::new(config)).unwrap();
        loop {
            while session.wants_write() {
                session.write_tls(&mut stream).unwrap();
            }
            session.read_tls(&mut stream).unwrap();
            if session.process_new_packets().is_err() {
                break;
            }
        }
        while alerts && session.wants_write() {
            session.write_tls(&mut stream).unwrap();
        }
        // Only the end of it, so that what was written arrives.
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    port
}

/// It was said that what the peer had sent last may have been cut off.
#[tokio::test]
async fn a_certificate_that_is_demanded_and_missing_is_said_to_be() {
    let root = authority("root");
    let own = issued(&root, "server");
    for (alerts, expected) in [
        (true, "the peer demands a certificate"),
        (false, "it may demand a certificate, and we presented none"),
    ] {
        let port = demanding(&root, &own, alerts);
        let tls = TlsConfig::builder().trust_pem(root.pem()).build().unwrap();
        let dial = aiomsg_transport::Connector::new().tls(tls);
        let endpoint = aiomsg_core::Endpoint::tls("127.0.0.1", port);
        let io = tower::ServiceExt::oneshot(dial, endpoint).await.unwrap();
        let outcome = greet(io).await;
        let error = outcome.as_ref().unwrap_err().chain().to_string();
        assert!(error.contains("certificate_files(..)"), "{error}");
        refused(outcome, expected);
    }
}

/// The server has the certificate of the client, and does not trust it. Without an
/// alert it was said that something may have been cut off.
#[tokio::test]
async fn a_certificate_that_is_refused_without_a_word_is_said_to_be() {
    let root = authority("root");
    let own = issued(&root, "server");
    let stranger = issued(&authority("another"), "client");
    for (alerts, expected) in [
        (true, "the peer refused our certificate"),
        (false, "it may not trust the certificate that we presented"),
    ] {
        let port = demanding(&root, &own, alerts);
        let tls = presents(&stranger).trust_pem(root.pem()).build().unwrap();
        let dial = aiomsg_transport::Connector::new().tls(tls);
        let endpoint = aiomsg_core::Endpoint::tls("127.0.0.1", port);
        let io = tower::ServiceExt::oneshot(dial, endpoint).await.unwrap();
        refused(greet(io).await, expected);
    }
}

/// A server that did not ask for a certificate does not miss one.
#[tokio::test]
async fn a_server_that_asks_for_no_certificate_is_not_said_to_demand_one() {
    let root = authority("root");
    let own = issued(&root, "server");
    let server = presents(&own).build().unwrap();
    let client = TlsConfig::builder().trust_pem(root.pem()).build().unwrap();
    let mut listener = bind(&server).await.unwrap();
    let (near, far) = connect(&mut listener, &client).await;
    let mut near = near.unwrap();
    drop(far.unwrap());
    let read = near.read(&mut [0]).await;
    let said = match read {
        Ok(bytes) => format!("{bytes} bytes"),
        Err(error) => aiomsg_transport::io::explain(error).chain().to_string(),
    };
    assert!(!said.contains("certificate"), "{said}");
}
