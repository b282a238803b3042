use super::*;
use tokio::net::TcpListener;

/// A client that speaks TLS 1.1 at most: one of then, or one that also knows an
/// extension of 1.2.
fn client_hello(newer: bool) -> Vec<u8> {
    let mut hello = vec![3, 2]; // TLS 1.1
    hello.extend([7; 32]); // random
    hello.push(0); // no session
    hello.extend([0, 4, 0xc0, 0x13, 0, 0x2f]); // two cipher suites of then
    hello.extend([1, 0]); // no compression
    if newer {
        hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]); // signature algorithms
    }
    handshake(1, &hello)
}

/// A server that speaks TLS 1.1 at most.
fn server_hello() -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0xc0, 0x13, 0]);
    handshake(2, &hello)
}

/// A record with a message of the handshake.
fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    let mut record = vec![22, 3, 2];
    record.extend((length + 4).to_be_bytes());
    record.extend([kind, 0]);
    record.extend(length.to_be_bytes());
    record.extend(body);
    record
}

const REASON: &str = "the peer speaks an old version of tls, and 1.2 or 1.3 is needed";

#[tokio::test]
async fn a_client_of_an_old_version() {
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    let mut world = World::new().await;
    for (newer, told) in [(false, HANDSHAKE_FAILURE), (true, PROTOCOL_VERSION)] {
        let mut old = Raw::connect(&world.endpoint).await;
        old.write(client_hello(newer)).await;
        says(&refused(&mut world.events).await, REASON);
        let mut alert = [0; 7];
        old.0.read_exact(&mut alert).await.unwrap();
        assert_eq!((alert[0], &alert[5..]), (21, &[2, told][..]), "a fatal one");
        old.closed().await;
    }
    world.good_is_unharmed().await;
}

#[tokio::test]
async fn a_server_of_an_old_version() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_client, mut events) = world.dials(world.good_tls(), &Endpoint::tls("127.0.0.1", port));
    let (mut stream, _) = within("the client", listener.accept()).await.unwrap();
    stream.write_all(&server_hello()).await.unwrap();
    says(&dial_failed(&mut events).await, REASON);
    world.good_is_unharmed().await;
}
