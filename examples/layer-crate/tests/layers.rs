//! The layers, each alone: no socket and no runtime.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

use aiomsg_core::connection::FrameStream;
use aiomsg_core::{BoxError, Error, Frame, Outbound};
use aiomsg_example_layer::{MaxSizeLayer, Tally};
use futures::{FutureExt, SinkExt, StreamExt};
use tower::{Layer, ServiceExt, service_fn};

#[test]
fn what_is_too_large_comes_back() {
    let inner = service_fn(|_: Outbound| async { Ok::<_, BoxError>(()) });
    let service = MaxSizeLayer::new(5).layer(inner);
    let send = |payload: &'static str| {
        let sent = service.clone().oneshot(Outbound::new(payload));
        sent.now_or_never().unwrap()
    };
    assert!(send("small").is_ok());
    let mut error = Error::from_boxed(send("too large").unwrap_err());
    assert!(error.is_too_large());
    assert_eq!(error.take_message().unwrap().payload(), "too large");
}

#[test]
fn frames_are_counted() {
    let tally = Tally::default();
    let (connection, peer) = aiomsg_test::connection::pair();
    let mut connection = FrameStream::new(tally.layer().layer(connection));
    connection
        .send(Frame::data("out"))
        .now_or_never()
        .unwrap()
        .unwrap();
    peer.receive(Frame::data("in"));
    assert!(connection.next().now_or_never().unwrap().unwrap().is_ok());
    assert_eq!((tally.sent(), tally.received()), (1, 1));
    assert_eq!(peer.take_sent(), [Frame::data("out")]);
}
