use super::*;

/// The beginning of another handshake, within a connection.
fn client_hello() -> Vec<u8> {
    let mut hello = vec![1, 0, 0, 41, 3, 3];
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend([0, 2, 0xcc, 0xa9, 1, 0]);
    hello
}

/// A client may ask, and is told no (RFC 5246, 7.2.2: a warning). One that goes
/// on asking is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_for_renegotiation() {
    let mut world = World::new().await;
    let settings = world.raw_client();
    let client = tokio::task::spawn_blocking(move || {
        let mut client = settings.connect([7; 16]);
        client.write(b"\0\0\0\x07\x03before");
        client.handshakes(&[client_hello(), client_hello()]);
    });
    let before = within("what came before", world.others.recv()).await;
    assert_eq!(before.unwrap(), "before");
    let reason = peer_down(&mut world.events).await;
    says(
        &reason,
        "the peer asks for renegotiation, which is not done",
    );
    within("the client", client).await.unwrap();
    world.good_is_unharmed().await;
}
