//! Acknowledgements in batches do the same as frame by frame.

use std::future::poll_fn;

use aiomsg_core::connection::OneByOne;
use aiomsg_core::{Connection, Discard, Frame, Outbound};
use futures::channel::mpsc;
use futures::{FutureExt, SinkExt, StreamExt};
use tower::{Layer, Service};

use super::AcknowledgeLayer;
use super::tests::{Wire, id, wires};
use crate::AtLeastOnceLayer;
use crate::test_frames::{Frames, Seen};

/// Pitfall 25, as in the test beside this one.
#[tokio::test]
async fn acknowledgements_go_first() {
    let (ours, mut peer) = wires();
    let mut ours = AcknowledgeLayer::new().layer(OneByOne::new(ours));
    for n in [1, 2] {
        peer.send(Frame::request(id(n), "x")).await.unwrap();
    }
    peer.send(Frame::data("y")).await.unwrap();
    let mut seen = Seen::up_to(3);
    let read = poll_fn(|cx| ours.poll_recv(cx, &mut seen)).await;
    assert!(matches!(read, Some(Ok(()))));
    let expected = [
        Frame::request(id(1), "x"),
        Frame::request(id(2), "x"),
        Frame::data("y"),
    ];
    assert_eq!(seen.frames, expected);
    assert!(
        peer.next().now_or_never().is_none(),
        "not before it is flushed"
    );

    let mut frames = Frames(["a", "b"].map(Frame::data).into());
    poll_fn(|cx| ours.poll_send(cx, &mut frames)).await.unwrap();
    poll_fn(|cx| ours.poll_flush(cx)).await.unwrap();
    let sent: Vec<_> = peer.take(4).map(Result::unwrap).collect().await;
    let acks = [Frame::ack(id(1)), Frame::ack(id(2))];
    assert_eq!(sent[..2], acks);
    assert_eq!(sent[2..], ["a", "b"].map(Frame::data));
}

#[tokio::test]
async fn requests_that_were_sent_are_forgotten_once_they_are_acknowledged() {
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    let unacked = layer.unacked();
    let (tx, rx) = std::sync::mpsc::channel();
    let mut service = layer.layer(tower::service_fn(move |message: Outbound| {
        tx.send(Frame::from(message)).unwrap();
        std::future::ready(Ok::<_, aiomsg_core::Error>(()))
    }));
    // More than are reported at a time.
    for _ in 0..600 {
        service.call(Outbound::new("x")).await.unwrap();
    }
    let (ours, mut peer) = wires();
    let layer = AcknowledgeLayer::new().unacked(unacked.clone());
    let mut ours = layer.layer(OneByOne::new(ours));
    let mut frames = Frames(rx.try_iter().collect());
    poll_fn(|cx| ours.poll_send(cx, &mut frames)).await.unwrap();
    poll_fn(|cx| ours.poll_flush(cx)).await.unwrap();
    for _ in 0..600 {
        match peer.next().await.unwrap().unwrap() {
            Frame::Request { id, .. } => peer.send(Frame::ack(id)).await.unwrap(),
            other => panic!("{other:?}"),
        }
    }
    peer.send(Frame::data("done")).await.unwrap();
    let mut seen = Seen::up_to(usize::MAX);
    let read = poll_fn(|cx| ours.poll_recv(cx, &mut seen));
    assert!(read.now_or_never().is_none());
    assert_eq!(
        seen.frames,
        [Frame::data("done")],
        "the others go no further"
    );
    assert!(unacked.is_empty());
}

/// Pitfall 10, as in the test beside this one.
#[tokio::test]
async fn a_peer_that_takes_no_acknowledgement_is_read_no_further() {
    let (mut wire, mut peer): (Wire, Wire) = wires();
    let (tx, _full) = mpsc::channel(0);
    wire.tx = tx;
    let mut ours = AcknowledgeLayer::new().layer(OneByOne::new(wire));
    let mut seen = Seen::up_to(usize::MAX);
    loop {
        for _ in 0..9000 {
            peer.send(Frame::request(id(1), "")).await.unwrap();
        }
        let before = seen.frames.len();
        let read = poll_fn(|cx| ours.poll_recv(cx, &mut seen));
        assert!(read.now_or_never().is_none());
        if seen.frames.len() < before + 9000 {
            break;
        }
    }
    let got = seen.frames.len();
    assert!((1 << 20..(1 << 20) + 10).contains(&got), "{got}");
}

/// A caller without room did not see the end, though nothing was left before it. So its
/// peer waited for the end of a connection that had been read.
#[tokio::test]
async fn the_end_is_seen_without_room_and_a_frame_before_it_is_kept() {
    let end = async |frames: Vec<Frame>| {
        let (ours, mut peer) = wires();
        let mut ours = AcknowledgeLayer::new().layer(OneByOne::new(ours));
        for frame in frames {
            peer.send(frame).await.unwrap();
        }
        drop(peer);
        let ended = poll_fn(|cx| ours.poll_ended(cx)).now_or_never();
        let mut seen = Seen::up_to(usize::MAX);
        let _ = poll_fn(|cx| ours.poll_recv(cx, &mut seen)).await;
        (ended.is_some(), seen.frames)
    };
    assert_eq!(end(vec![]).await, (true, vec![]));
    let quiet = vec![Frame::Heartbeat, Frame::ack(id(1)), Frame::Heartbeat];
    assert_eq!(end(quiet).await, (true, vec![]));
    let messages = vec![Frame::request(id(1), "x"), Frame::data("y")];
    let all = [vec![Frame::Heartbeat], messages.clone()].concat();
    assert_eq!(end(all).await, (false, messages));
}
