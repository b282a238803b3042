//! The buffer, around a mock of the service inside.

use aiomsg_core::{DropReason, Error, ErrorKind, Limits, Outbound};
use aiomsg_layers::{Buffer, BufferLayer, Overflow};
use aiomsg_test::discard;
use futures::FutureExt;
use tower::util::MapErr;
use tower::{Layer, Service, ServiceExt};
use tower_test::mock::{self, Handle, Mock};

type Inside = MapErr<Mock<Outbound, ()>, fn(tower::BoxError) -> Error>;

const TWO: Limits = Limits {
    items: 2,
    bytes: 1 << 20,
};

fn buffer(layer: &BufferLayer) -> (Buffer<Inside>, Handle<Outbound, ()>) {
    let (mock, mut inside) = mock::pair();
    inside.allow(0);
    let error: fn(tower::BoxError) -> Error = |error| {
        let error = Error::from_boxed(error);
        match error.message().is_some() {
            true => error,
            false => Error::new(ErrorKind::Layer).with_source(error),
        }
    };
    (layer.layer(mock.map_err(error)), inside)
}

async fn send(buffer: &mut Buffer<Inside>, payload: &'static str) {
    let ready = buffer.ready().now_or_never().expect("it is ready").unwrap();
    ready.call(Outbound::new(payload)).await.unwrap();
}

/// Takes what reaches the service inside, as far as it is allowed.
async fn taken(
    buffer: &mut Buffer<Inside>,
    inside: &mut Handle<Outbound, ()>,
    count: usize,
) -> Vec<bytes::Bytes> {
    let mut taken = Vec::new();
    for _ in 0..count {
        let _ = buffer.ready().now_or_never();
        let (message, respond) = inside.next_request().await.unwrap();
        respond.send_response(());
        taken.push(message.into_payload());
    }
    let _ = buffer.ready().now_or_never();
    assert!(inside.next_request().now_or_never().is_none());
    taken
}

#[tokio::test]
async fn what_the_service_inside_does_not_take_is_held_in_order() {
    let (mut buffer, mut inside) = buffer(&BufferLayer::new(BufferLayer::LIMITS));
    for payload in ["1", "2", "3"] {
        send(&mut buffer, payload).await;
    }
    assert_eq!(buffer.len(), 3);
    inside.allow(2);
    assert_eq!(taken(&mut buffer, &mut inside, 2).await, ["1", "2"]);
    send(&mut buffer, "4").await;
    assert_eq!(buffer.len(), 2);
    inside.allow(2);
    assert_eq!(taken(&mut buffer, &mut inside, 2).await, ["3", "4"]);
    assert!(buffer.is_empty());
}

#[tokio::test]
async fn what_the_service_inside_takes_goes_straight_on() {
    let (mut buffer, mut inside) = buffer(&BufferLayer::new(TWO));
    inside.allow(1);
    let sending = buffer.ready().await.unwrap().call(Outbound::new("x"));
    assert!(buffer.is_empty());
    let (message, respond) = inside.next_request().await.unwrap();
    assert_eq!(message.payload(), "x");
    respond.send_response(());
    sending.await.unwrap();
}

#[tokio::test]
async fn a_full_buffer_is_not_ready() {
    let (mut buffer, mut inside) = buffer(&BufferLayer::new(TWO));
    send(&mut buffer, "1").await;
    send(&mut buffer, "2").await;
    assert!(buffer.ready().now_or_never().is_none());
    inside.allow(1);
    assert_eq!(taken(&mut buffer, &mut inside, 1).await, ["1"]);
    send(&mut buffer, "3").await;
    assert!(buffer.ready().now_or_never().is_none());
    let left: Vec<_> = buffer.drain();
    assert_eq!(left, ["2", "3"].map(Outbound::new));
}

#[tokio::test]
async fn a_full_buffer_overflows_as_the_rule_says() {
    for (overflow, kept, dropped) in [
        (Overflow::DropOldest, vec!["2", "3"], vec!["1"]),
        (Overflow::KeepNewest, vec!["3"], vec!["1", "2"]),
        (Overflow::RefuseNewest, vec!["1", "2"], vec![]),
    ] {
        let (discard, lost) = discard::pair();
        let layer = BufferLayer::new(TWO).overflow(overflow).discard(discard);
        let (mut buffer, _inside) = buffer(&layer);
        for payload in ["1", "2", "3"] {
            let ready = buffer.ready().now_or_never().expect("it decides at once");
            let sent = ready.unwrap().call(Outbound::new(payload)).await;
            let refused = overflow == Overflow::RefuseNewest && payload == "3";
            assert_eq!(sent.is_err(), refused);
            if let Err(mut error) = sent {
                assert!(error.is_limit());
                assert_eq!(error.take_message().unwrap().payload(), payload);
            }
        }
        let kept: Vec<_> = kept.into_iter().map(Outbound::new).collect();
        assert_eq!(buffer.drain(), kept, "{overflow:?}");
        let lost = lost.take().into_iter().inspect(|lost| {
            assert_eq!(lost.reason, DropReason::Overflow);
        });
        let lost: Vec<_> = lost.map(|lost| lost.message.into_payload()).collect();
        assert_eq!(lost, dropped, "{overflow:?}");
    }
}

/// What is held was accepted: nobody waits for it any more.
#[tokio::test]
async fn what_fails_that_was_held_is_reported_and_others_pass() {
    let (discard, lost) = discard::pair();
    let (mut buffer, mut inside) = buffer(&BufferLayer::new(TWO).discard(discard));
    send(&mut buffer, "bad").await;
    send(&mut buffer, "good").await;
    inside.allow(2);
    let _ = buffer.ready().now_or_never();
    let (message, respond) = inside.next_request().await.unwrap();
    respond.send_error(Error::new(ErrorKind::Layer).with_message(message));
    assert_eq!(taken(&mut buffer, &mut inside, 1).await, ["good"]);
    assert_eq!(
        lost.take_payloads(),
        [("bad".into(), DropReason::PolicyFailed)]
    );
}
