//! With two connections in memory, one of them wrapped.

use super::*;
use crate::AtLeastOnceLayer;
use aiomsg_core::connection::{FrameStream, OneByOne};
use aiomsg_core::{Discard, Error, ErrorKind, Frame, MessageId, Outbound};
use futures::channel::mpsc;
use futures::{FutureExt, SinkExt, StreamExt};
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::{Service, ServiceExt};

/// A connection of two channels.
pub(super) struct Wire {
    rx: mpsc::Receiver<Frame>,
    pub(super) tx: mpsc::Sender<Frame>,
}

pub(super) fn wires() -> (Wire, Wire) {
    let (a, b) = (mpsc::channel(10_000), mpsc::channel(10_000));
    (Wire { rx: a.1, tx: b.0 }, Wire { rx: b.1, tx: a.0 })
}

impl futures::Stream for Wire {
    type Item = Result<Frame, Error>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.rx.poll_next_unpin(cx).map(|frame| frame.map(Ok))
    }
}

fn gone<E>(_: E) -> Error {
    aiomsg_core::ErrorKind::Disconnected.into()
}

impl futures::Sink<Frame> for Wire {
    type Error = Error;
    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.tx.poll_ready(cx).map_err(gone)
    }
    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), Error> {
        self.tx.start_send(frame).map_err(gone)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.tx.poll_flush_unpin(cx).map_err(gone)
    }
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.tx.poll_close_unpin(cx).map_err(gone)
    }
}

/// Read and written frame by frame.
fn layered(layer: &AcknowledgeLayer, wire: Wire) -> FrameStream<Acknowledge<OneByOne<Wire>>> {
    FrameStream::new(layer.layer(OneByOne::new(wire)))
}

pub(super) fn id(n: u8) -> MessageId {
    MessageId::from_bytes([n; 16])
}

/// Pitfall 25: the acknowledgement waited behind user data.
#[tokio::test]
async fn acknowledgements_go_first() {
    let (ours, mut peer) = wires();
    let mut ours = layered(&AcknowledgeLayer::new(), ours);
    peer.send(Frame::request(id(1), "a")).await.unwrap();
    peer.send(Frame::request(id(2), "b")).await.unwrap();
    for _ in 0..2 {
        assert!(ours.next().await.unwrap().is_ok());
    }
    assert!(
        peer.next().now_or_never().is_none(),
        "not before it is flushed"
    );
    ours.send(Frame::data("user data")).await.unwrap();
    let frames: Vec<_> = peer.by_ref().take(3).map(Result::unwrap).collect().await;
    assert_eq!(
        frames,
        [
            Frame::ack(id(1)),
            Frame::ack(id(2)),
            Frame::data("user data")
        ]
    );
}

#[tokio::test]
async fn what_is_acknowledged_is_forgotten_and_unknown_ids_are_harmless() {
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    let unacked = layer.unacked();
    let (ours, mut peer) = wires();
    let mut ours = layered(&AcknowledgeLayer::new().unacked(unacked.clone()), ours);

    let (tx, mut rx) = mpsc::channel::<Outbound>(10);
    let mut service = layer.layer(tower::service_fn(move |message| {
        let mut tx = tx.clone();
        async move {
            let sent = tx.send(message).await;
            sent.map_err(|_| Error::from(ErrorKind::Closed))
        }
    }));
    service
        .ready()
        .await
        .unwrap()
        .call(Outbound::new("x"))
        .await
        .unwrap();
    ours.send(rx.next().await.unwrap().into()).await.unwrap();
    let Frame::Request { id: sent, .. } = peer.next().await.unwrap().unwrap() else {
        panic!("a message with an id travels as a request");
    };
    peer.send(Frame::ack(id(77))).await.unwrap();
    assert!(ours.next().now_or_never().is_none(), "it goes no further");
    assert_eq!(unacked.len(), 1);
    peer.send(Frame::ack(sent)).await.unwrap();
    assert!(ours.next().now_or_never().is_none());
    assert!(unacked.is_empty());
}

/// Pitfall 10: acknowledgements for a peer that takes none were kept without
/// bound.
#[tokio::test]
async fn a_peer_that_takes_no_acknowledgement_is_read_no_further() {
    let (mut wire, mut peer) = wires();
    let (tx, _full) = mpsc::channel(0);
    wire.tx = tx;
    let mut ours = layered(&AcknowledgeLayer::new(), wire);
    let mut got = 0_usize;
    loop {
        for _ in 0..9000 {
            peer.send(Frame::request(id(1), "")).await.unwrap();
        }
        let before = got;
        while let Some(frame) = ours.next().now_or_never() {
            frame.unwrap().unwrap();
            got += 1;
        }
        if got < before + 9000 {
            break;
        }
    }
    assert!((1 << 20..(1 << 20) + 10).contains(&got), "{got}");
}

#[tokio::test]
async fn deferred_acknowledgements_are_for_others_to_send() {
    let (ours, mut peer) = wires();
    let mut ours = layered(&AcknowledgeLayer::new().deferral(true.into()), ours);
    peer.send(Frame::request(id(1), "a")).await.unwrap();
    assert!(ours.next().await.unwrap().is_ok());
    ours.flush().await.unwrap();
    assert!(peer.next().now_or_never().is_none());
    ours.send(Frame::ack(id(1))).await.unwrap();
    assert_eq!(peer.next().await.unwrap().unwrap(), Frame::ack(id(1)));
}
