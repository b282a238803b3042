use aiomsg_core::{Frame, MessageId};
use aiomsg_layers::topics::{Subscriptions, Topics};
use aiomsg_test::connection;
use futures::{FutureExt, SinkExt, StreamExt};
use tower::Layer;

/// What the layers have to say took the place that the caller had been given,
/// and the caller's own frame came without one.
#[tokio::test]
async fn a_place_that_was_given_to_the_caller_stays_its_own() {
    let (connection, peer) = connection::pair();
    let subscriptions = Subscriptions::new();
    let mut connection = subscriptions.layer().layer(connection);
    futures::future::poll_fn(|cx| connection.poll_ready_unpin(cx))
        .await
        .unwrap();
    subscriptions.subscribe("news.").unwrap();
    assert!(connection.next().now_or_never().is_none());
    connection.start_send_unpin(Frame::data("mine")).unwrap();
    connection.flush().await.unwrap();
    let sent = peer.take_sent();
    assert_eq!(sent[0], Frame::data("mine"));
    assert_eq!(sent[1].payload().unwrap(), &b"\x01news."[..]);

    let (connection, peer) = connection::pair();
    let mut connection = Topics::new().layer().layer(connection);
    futures::future::poll_fn(|cx| connection.poll_ready_unpin(cx))
        .await
        .unwrap();
    let id = MessageId::from_bytes([1; 16]);
    peer.receive(Frame::request(id, &b"\x01news."[..]));
    assert!(connection.next().now_or_never().is_none());
    connection.start_send_unpin(Frame::data("mine")).unwrap();
    connection.flush().await.unwrap();
    assert_eq!(peer.take_sent(), [Frame::data("mine"), Frame::ack(id)]);
}
