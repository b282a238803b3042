use super::*;

#[tokio::test]
async fn a_plain_peer_on_a_tls_port() {
    let mut world = World::new().await;
    let plain = Socket::new().unwrap();
    plain
        .connect(Endpoint::tcp("127.0.0.1", world.port()))
        .unwrap();
    let error = refused(&mut world.events).await;
    says(
        &error,
        "the peer does not begin tls; does it connect with tcp:// in place of tls://?",
    );
    assert_eq!(plain.stats().connections, 0);
    world.good_is_unharmed().await;
}

#[tokio::test]
async fn a_tls_peer_on_a_plain_port() {
    let mut world = World::new().await;
    let endpoint = world.server.bind("tcp://127.0.0.1:0").await.unwrap();
    let secure = Endpoint::tls("127.0.0.1", endpoint.port().unwrap());
    let (secure, mut events) = world.dials(world.good_tls(), &secure);
    let error = refused(&mut world.events).await;
    assert!(error.is_protocol(), "{error}");
    assert!(error.to_string().contains("speaks tls"), "{error}");
    assert_eq!(error.endpoint(), Some(&endpoint));
    says(
        &dial_failed(&mut events).await,
        "is its endpoint a plain one?",
    );
    assert_eq!(secure.stats().connections, 0);
    world.good_is_unharmed().await;
}
