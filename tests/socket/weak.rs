//! A weak handle does not keep its socket alive.

use super::*;

#[tokio::test]
async fn the_socket_ends_with_its_last_handle_beside_a_weak_one() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    within("the peer", client.wait_for_peers(1)).await.unwrap();
    let weak = server.downgrade();
    let (mut of_server, mut of_client) = (server.events(), client.events());

    drop(server);

    assert!(weak.upgrade().is_none());
    event(&mut of_client, "the peer sees the end", |it| match it {
        Event::PeerDown { .. } => Some(()),
        _ => None,
    })
    .await;
    let end = async { while of_server.next().await.is_some() {} };
    within("the end of the events", end).await;
}

#[tokio::test]
async fn an_upgraded_handle_is_a_handle_as_any_other() {
    let (server, endpoint) = bound().await;
    let weak = server.downgrade();
    let again = weak.clone().upgrade().unwrap();
    drop(server);
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send("still here").await.unwrap();
    assert_eq!(within("it", again.recv()).await.unwrap(), "still here");
    drop(again);
    assert!(weak.upgrade().is_none());
}

/// A collector still reads the counters of a socket that is closed, until its handle goes.
#[tokio::test]
async fn a_closed_socket_is_there_until_its_last_handle_goes() {
    let (server, _) = bound().await;
    let weak = server.downgrade();
    server.close(Duration::ZERO).await;
    assert!(weak.upgrade().is_some_and(|it| it.is_closed()));
    drop(server);
    assert!(weak.upgrade().is_none());
}
