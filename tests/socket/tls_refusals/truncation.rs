use super::*;
use aiomsg::tls::rustls::ServerConnection;

const REASON: &str = "without the end of tls, so what it sent last may have been cut off";

/// Whoever is in between can end TCP, and not TLS.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_off() {
    let mut world = World::new().await;
    let settings = world.raw_client();
    let client = tokio::task::spawn_blocking(move || {
        let mut client = settings.connect([7; 16]);
        client.write(b"\0\0\0\x06\x03whole\0\0\0\x05\x03ha");
        client.cut();
        client
    });
    let whole = within("what is whole", world.others.recv()).await;
    assert_eq!(whole.unwrap(), "whole");
    let reason = peer_down(&mut world.events).await;
    assert!(reason.is_disconnected(), "{reason}");
    assert!(reason.to_string().contains(REASON), "{reason}");
    assert!(world.others.try_recv().is_err(), "half a message is none");
    drop(within("the client", client).await.unwrap());
    world.good_is_unharmed().await;
}

/// And where TLS has ended, nobody says that it had not.
#[tokio::test]
async fn a_connection_that_ends_in_good_order() {
    let mut world = World::new().await;
    let (other, _) = world.dials(world.good_tls(), &world.endpoint);
    other.send("hello").await.unwrap();
    assert_eq!(within("hello", world.others.recv()).await.unwrap(), "hello");
    other.close(PATIENCE).await;
    let reason = peer_down(&mut world.events).await;
    assert!(reason.is_disconnected(), "{reason}");
    assert!(!reason.to_string().contains("tls,"), "{reason}");
    world.good_is_unharmed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_cut_off() {
    let world = World::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::tls("127.0.0.1", listener.local_addr().unwrap().port());
    let issued = world.root.issue(Wanted::named("server"));
    let server = tokio::task::spawn_blocking(move || cut_off(&listener, &issued));
    let (client, mut events) = world.dials(world.good_tls(), &endpoint);
    let whole = within("what is whole", client.recv()).await;
    assert_eq!(whole.unwrap(), "whole");
    let reason = peer_down(&mut events).await;
    assert!(reason.is_disconnected(), "{reason}");
    assert!(reason.to_string().contains(REASON), "{reason}");
    within("the server", server).await.unwrap();
    world.good_is_unharmed().await;
}

fn cut_off(listener: &std::net::TcpListener, issued: &Issued) {
    use aiomsg::tls::rustls::crypto::ring;
    use aiomsg::tls::rustls::pki_types::pem::PemObject;
    use aiomsg::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use aiomsg::tls::rustls::{ServerConfig, StreamOwned};
    use std::io::Write;

    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(issued.chain.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap(),
        )
        .unwrap();
    let (stream, _) = listener.accept().unwrap();
    let session = ServerConnection::new(config.into()).unwrap();
    let mut tls = StreamOwned::new(session, stream);
    tls.write_all(&hello_v1(&[8; 16])).unwrap();
    tls.write_all(b"\0\0\0\x06\x03whole\0\0\0\x05\x03ha")
        .unwrap();
    tls.flush().unwrap();
    // What the client has sent is read, or the system would reset the
    // connection.
    std::io::Read::read_exact(&mut tls, &mut [0; 22]).unwrap();
    tls.sock.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = std::io::Read::read_to_end(&mut tls.sock, &mut Vec::new());
}
