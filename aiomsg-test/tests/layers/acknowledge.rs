use std::task::{Context, Waker};

use aiomsg_core::connection::FrameStream;
use aiomsg_core::{Frame, MessageId, Outbound};
use aiomsg_layers::distribute::RoundRobin;
use aiomsg_layers::{AcknowledgeLayer, AtLeastOnceLayer, Distribute};
use aiomsg_test::{connection, discard, peers};
use futures::{FutureExt, SinkExt, StreamExt};
use tower::{Layer, Service, ServiceExt};

fn id(n: u8) -> MessageId {
    MessageId::from_bytes([n; 16])
}

#[tokio::test]
async fn acknowledgements_go_first_and_not_before_a_flush() {
    let (connection, peer) = connection::pair();
    let mut connection = FrameStream::new(AcknowledgeLayer::new().layer(connection));
    for n in [1, 2] {
        peer.receive(Frame::request(id(n), "job"));
        assert!(connection.next().await.unwrap().is_ok());
    }
    assert_eq!(peer.unflushed(), []);
    connection.send(Frame::data("mine")).await.unwrap();
    let expected = [Frame::ack(id(1)), Frame::ack(id(2)), Frame::data("mine")];
    assert_eq!(peer.take_sent(), expected);
}

#[test]
fn acknowledgements_wait_for_room() {
    let (connection, peer) = connection::pair();
    let mut connection = FrameStream::new(AcknowledgeLayer::new().layer(connection));
    let mut cx = Context::from_waker(Waker::noop());
    peer.receive(Frame::request(id(1), "job"));
    assert!(connection.poll_next_unpin(&mut cx).is_ready());
    peer.block_ready();
    assert!(connection.poll_flush_unpin(&mut cx).is_pending());
    peer.unblock_ready();
    assert!(connection.poll_flush_unpin(&mut cx).is_ready());
    assert_eq!(peer.take_sent(), [Frame::ack(id(1))]);
}

#[test]
fn acknowledgements_are_paid_before_the_connection_closes() {
    let (connection, peer) = connection::pair();
    let mut connection = FrameStream::new(AcknowledgeLayer::new().layer(connection));
    peer.receive(Frame::request(id(1), "job"));
    assert!(connection.next().now_or_never().is_some());
    connection.close().now_or_never().unwrap().unwrap();
    assert_eq!(peer.take_sent(), [Frame::ack(id(1))]);
    assert!(peer.is_closed());
}

/// A message from its sender to a peer, and its acknowledgement back.
#[tokio::test]
async fn what_the_peer_acknowledges_is_forgotten() {
    let (discard, lost) = discard::pair();
    let layer = AtLeastOnceLayer::new(discard.clone());
    let unacked = layer.unacked();
    let (table, peers) = peers::pair(discard);
    let mut sender = layer.layer(Distribute::new(&table, RoundRobin::new()));
    let queue = peers.insert("worker", peers::LIMITS);
    let (connection, peer) = connection::pair();
    let layer = AcknowledgeLayer::new().unacked(unacked.clone());
    let mut connection = FrameStream::new(layer.layer(connection));

    let sender = sender.ready().await.unwrap();
    sender.call(Outbound::new("job")).await.unwrap();
    let message = queue.next_message().await.unwrap();
    connection.send(message.into()).await.unwrap();
    let Some(Frame::Request { id: sent, .. }) = peer.next_sent().await else {
        panic!("a message with an id travels as a request");
    };
    assert_eq!(unacked.len(), 1);
    peer.receive(Frame::ack(sent));
    assert!(
        connection.next().now_or_never().is_none(),
        "it goes no further"
    );
    assert!(unacked.is_empty());
    assert!(lost.take().is_empty());
}

/// Acknowledgements took the place that the caller had been given, and the
/// caller's own frame came without one. A source is asked when there is a place for it.
#[tokio::test]
async fn acknowledgements_that_take_the_last_place_cost_no_frame() {
    let (connection, peer) = connection::pair();
    let mut connection = FrameStream::new(AcknowledgeLayer::new().layer(connection));
    peer.set_room(1);
    peer.block_flush();
    futures::future::poll_fn(|cx| connection.poll_ready_unpin(cx))
        .await
        .unwrap();
    peer.receive(Frame::request(id(1), "job"));
    assert!(connection.next().await.unwrap().is_ok());
    assert!(connection.flush().now_or_never().is_none());
    assert_eq!(peer.unflushed(), [Frame::ack(id(1))]);
    connection.start_send_unpin(Frame::data("mine")).unwrap();
    assert!(connection.flush().now_or_never().is_none());
    peer.unblock_flush();
    connection.flush().await.unwrap();
    assert_eq!(peer.take_sent(), [Frame::ack(id(1)), Frame::data("mine")]);
}
