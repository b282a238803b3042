use aiomsg_core::connection::FrameStream;
use aiomsg_core::{Frame, MessageId};
use aiomsg_layers::topics::{Subscriptions, Topics};
use aiomsg_test::connection;
use futures::{FutureExt, SinkExt, StreamExt};
use tower::Layer;

/// What the layers have to say took the place that the caller had been given,
/// and the caller's own frame came without one. A source is asked when there is a place
/// for it.
#[tokio::test]
async fn what_the_layers_say_costs_no_frame() {
    let (connection, peer) = connection::pair();
    let subscriptions = Subscriptions::new();
    let mut connection = FrameStream::new(subscriptions.layer().layer(connection));
    peer.set_room(1);
    peer.block_flush();
    futures::future::poll_fn(|cx| connection.poll_ready_unpin(cx))
        .await
        .unwrap();
    subscriptions.subscribe("news.").unwrap();
    assert!(connection.next().now_or_never().is_none());
    connection.start_send_unpin(Frame::data("mine")).unwrap();
    assert!(connection.flush().now_or_never().is_none());
    peer.unblock_flush();
    connection.flush().await.unwrap();
    let sent = peer.take_sent();
    assert_eq!(sent[0].payload().unwrap(), &b"\x01news."[..]);
    assert_eq!(sent[1..], [Frame::data("mine")]);

    let (connection, peer) = connection::pair();
    let mut connection = FrameStream::new(Topics::new().layer().layer(connection));
    peer.set_room(1);
    peer.block_flush();
    futures::future::poll_fn(|cx| connection.poll_ready_unpin(cx))
        .await
        .unwrap();
    let id = MessageId::from_bytes([1; 16]);
    peer.receive(Frame::request(id, &b"\x01news."[..]));
    assert!(connection.next().now_or_never().is_none());
    connection.start_send_unpin(Frame::data("mine")).unwrap();
    assert!(connection.flush().now_or_never().is_none());
    peer.unblock_flush();
    connection.flush().await.unwrap();
    assert_eq!(peer.take_sent(), [Frame::ack(id), Frame::data("mine")]);
}
