//! TLS on both sides.

use aiomsg::TlsConfig;

use super::*;
use crate::support::python::{Certificate, certificate};

/// A socket that trusts one certificate.
pub(crate) fn trusting(certificate: &Certificate) -> Socket {
    let tls = TlsConfig::builder().trust_file(&certificate.cert).build();
    Socket::builder().tls(tls.unwrap()).build().unwrap()
}

#[tokio::test]
async fn each_side_has_a_certificate_of_its_own_and_asks_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let [front, back, consumer] =
        ["front", "back", "consumer"].map(|name| certificate(folder.path(), name));
    let text = format!(
        "[frontend]\nbind = [\"tls://127.0.0.1:0\"]\n\
         tls = {{ cert = {:?}, key = {:?} }}\n\
         [backend]\nbind = [\"tls://127.0.0.1:0\"]\n\
         tls = {{ cert = {:?}, key = {:?}, trust = [{:?}] }}\n",
        front.cert, front.key, back.cert, back.key, consumer.cert
    );
    let file = folder.path().join("proxy.toml");
    std::fs::write(&file, text).unwrap();
    let proxy = Proxy::with(&["--config", file.to_str().unwrap()]).await;

    let stranger = trusting(&back);
    stranger.connect(&*proxy.backend).unwrap();
    let tls = TlsConfig::builder()
        .certificate_files(&consumer.cert, &consumer.key)
        .trust_file(&back.cert)
        .build()
        .unwrap();
    let known = Socket::builder().tls(tls).build().unwrap();
    known.connect(&*proxy.backend).unwrap();
    let producer = trusting(&front);
    producer.connect(&*proxy.frontend).unwrap();
    within("the proxy", known.wait_for_peers(1)).await.unwrap();
    for n in 0..10 {
        producer.send(n.to_string()).await.unwrap();
    }
    assert_eq!(recv_all(&known, 10).await.len(), 10);
    assert_eq!(stranger.stats().received_messages, 0);
}

/// The file binds an identity to a pinned certificate, and paths in it are relative.
#[tokio::test]
async fn a_pinned_peer_has_its_own_identity_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [back, consumer] = ["back", "consumer"].map(|name| certificate(folder.path(), name));
    let shown = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(&consumer.cert)
        .output()
        .expect("the openssl command is needed");
    let shown = String::from_utf8(shown.stdout).unwrap();
    let (_, fingerprint) = shown.trim().split_once('=').unwrap();
    let text = format!(
        "[frontend]\nbind = [\"127.0.0.1:0\"]\n\
         [backend]\nbind = [\"tls://127.0.0.1:0\"]\n\
         peer-identity = [\"{fingerprint}=consumer-no-0007\"]\n\
         tls = {{ cert = \"back.cert\", key = \"back.key\", pin = [\"consumer.cert\"] }}\n"
    );
    let file = folder.path().join("proxy.toml");
    std::fs::write(&file, text).unwrap();
    let proxy = Proxy::with(&["--config", file.to_str().unwrap()]).await;

    let named = |identity: &'static [u8; 16]| {
        let tls = TlsConfig::builder()
            .certificate_files(&consumer.cert, &consumer.key)
            .pin_file(&back.cert)
            .build()
            .unwrap();
        let socket = Socket::builder().tls(tls).identity(*identity);
        let socket = socket.build().unwrap();
        socket.connect(&*proxy.backend).unwrap();
        socket
    };
    let wrong = named(b"consumer-no-0008");
    let right = named(b"consumer-no-0007");
    within("the proxy", right.wait_for_peers(1)).await.unwrap();
    let producer = proxy.producer().await;
    for n in 0..10 {
        producer.send(n.to_string()).await.unwrap();
    }
    assert_eq!(recv_all(&right, 10).await.len(), 10);
    assert_eq!(wrong.stats().received_messages, 0);
}
