use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use aiomsg_core::{Discard, DropReason, ErrorKind, Identity, Limits, MessageId, Outbound};
use futures::FutureExt;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Takes every message, and notes when.
#[derive(Clone, Default)]
pub(super) struct Wire(Arc<Mutex<Vec<(u64, Outbound)>>>);

impl Wire {
    pub(super) fn service(
        &self,
    ) -> impl Service<Outbound, Response = (), Error = aiomsg_core::Error, Future: Send> + Clone + use<>
    {
        let wire = self.clone();
        let start = Instant::now();
        tower::service_fn(move |message: Outbound| {
            let at = start.elapsed().as_secs();
            wire.0.lock().unwrap().push((at, message));
            std::future::ready(Ok(()))
        })
    }

    fn times(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }

    pub(super) fn ids(&self) -> Vec<MessageId> {
        let sent = self.0.lock().unwrap();
        sent.iter()
            .map(|(_, message)| message.id().unwrap())
            .collect()
    }

    pub(super) fn messages(&self) -> Vec<Outbound> {
        let sent = self.0.lock().unwrap();
        sent.iter().map(|(_, message)| message.clone()).collect()
    }
}

#[derive(Clone, Default)]
pub(super) struct Lost(Arc<Mutex<Vec<(Outbound, DropReason)>>>);

impl Lost {
    pub(super) fn discard(&self) -> Discard {
        let lost = self.clone();
        Discard::new(move |it| lost.0.lock().unwrap().push((it.message, it.reason)))
    }

    pub(super) fn reasons(&self) -> Vec<DropReason> {
        let lost = self.0.lock().unwrap();
        lost.iter().map(|(_, reason)| *reason).collect()
    }

    pub(super) fn payloads(&self) -> Vec<bytes::Bytes> {
        let lost = self.0.lock().unwrap();
        lost.iter()
            .map(|(message, _)| message.payload().clone())
            .collect()
    }
}

pub(super) async fn send<S: Service<Outbound, Error = aiomsg_core::Error>>(
    service: &mut S,
    payload: &'static str,
) {
    let service = service.ready().await.unwrap();
    service.call(Outbound::new(payload)).await.unwrap();
}

/// Pitfalls 23 and 24: resends for ever, never, or at once instead of later;
/// a new id with every resend.
#[tokio::test(start_paused = true)]
async fn resends_every_five_seconds_five_times_with_one_id() {
    let (wire, lost) = (Wire::default(), Lost::default());
    let layer = AtLeastOnceLayer::new(lost.discard());
    tokio::spawn(layer.resender(wire.service()).run());
    let mut service = layer.layer(wire.service());
    let connection = layer.unacked().connection();

    send(&mut service, "x").await;
    // The connection writes each message, a second later.
    let mut written = 0;
    for _ in 0..60 {
        sleep(SECOND).await;
        let ids = wire.ids();
        if ids.len() > written {
            connection.sent(&ids[written..]);
            written = ids.len();
        }
    }
    let ids = wire.ids();
    assert_eq!(wire.times(), [0, 6, 12, 18, 24, 30]);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let lost = lost.0.lock().unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].0.payload(), "x");
    assert_eq!(lost[0].1, DropReason::RetriesExhausted);
    assert!(layer.unacked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_time_begins_when_the_message_has_left() {
    let wire = Wire::default();
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    tokio::spawn(layer.resender(wire.service()).run());
    let mut service = layer.layer(wire.service());
    send(&mut service, "x").await;
    sleep(SECOND * 100).await;
    assert_eq!(wire.times(), [0], "it waits in a queue, and is there once");
}

#[tokio::test(start_paused = true)]
async fn an_ended_connection_resends_at_once() {
    let wire = Wire::default();
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    tokio::spawn(layer.resender(wire.service()).run());
    let mut service = layer.layer(wire.service());
    let (first, second) = (layer.unacked().connection(), layer.unacked().connection());
    for payload in ["a", "b", "c"] {
        send(&mut service, payload).await;
    }
    let ids = wire.ids();
    first.sent(&ids[..2]);
    second.sent(&ids[2..]);
    sleep(SECOND).await;
    drop(first);
    sleep(SECOND).await;
    assert_eq!(wire.times(), [0, 0, 0, 1, 1]);
    assert_eq!(wire.ids()[3..], ids[..2], "in order, and only its own");
    second.acknowledged(&ids);
    sleep(SECOND * 60).await;
    assert_eq!(wire.ids().len(), 5, "what is acknowledged is at rest");
}

/// A peer that connected and hung up at once, six times, cost a message all its
/// resends within the second.
#[tokio::test(start_paused = true)]
async fn connections_that_end_one_after_the_other_do_not_use_up_the_resends_at_once() {
    let (wire, lost) = (Wire::default(), Lost::default());
    let layer = AtLeastOnceLayer::new(lost.discard());
    tokio::spawn(layer.resender(wire.service()).run());
    let mut service = layer.layer(wire.service());
    send(&mut service, "x").await;
    // Each connection takes the message, and ends 100 ms later.
    let mut written = 0;
    let start = Instant::now();
    let given_up = loop {
        sleep(Duration::from_millis(100)).await;
        let ids = wire.ids();
        if ids.len() > written {
            layer.unacked().connection().sent(&ids[written..]);
            written = ids.len();
        }
        if layer.unacked().is_empty() {
            break start.elapsed().as_secs();
        }
    };
    assert_eq!(wire.times(), [0, 0, 5, 10, 15, 20], "the first at once");
    assert_eq!(given_up, 25);
    assert_eq!(lost.0.lock().unwrap()[0].1, DropReason::RetriesExhausted);
}

/// The pace is that of the timeout, where that is shorter; and a connection
/// that ends later than that is the first again.
#[tokio::test(start_paused = true)]
async fn a_connection_that_lasted_resends_at_once_again() {
    let wire = Wire::default();
    let layer = AtLeastOnceLayer::with_settings(
        Settings::new().timeout(SECOND * 120),
        Discard::new(|_| {}),
    );
    tokio::spawn(layer.resender(wire.service()).run());
    let mut service = layer.layer(wire.service());
    send(&mut service, "a long job").await;
    for lasts in [60, 10, 1] {
        let connection = layer.unacked().connection();
        connection.sent(&wire.ids()[..1]);
        sleep(SECOND * lasts).await;
        drop(connection);
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(wire.times(), [0, 60, 70]);
    sleep(SECOND * 10).await;
    assert_eq!(wire.times(), [0, 60, 70, 75]);
}

#[tokio::test]
async fn what_waits_for_acknowledgements_is_bounded() {
    let wire = Wire::default();
    let limits = Limits {
        items: 2,
        bytes: 1000,
    };
    let layer =
        AtLeastOnceLayer::with_settings(Settings::new().limits(limits), Discard::new(|_| {}));
    let mut service = layer.layer(wire.service());
    send(&mut service, "a").await;
    send(&mut service, "b").await;
    assert!(service.ready().now_or_never().is_none());
    let connection = layer.unacked().connection();
    connection.exchanged(&wire.ids(), &wire.ids()[..1]);
    assert!(service.ready().now_or_never().is_some());
}

#[tokio::test]
async fn what_was_not_accepted_is_not_kept() {
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    let mut failing = layer.layer(tower::service_fn(|_: Outbound| async {
        Err::<(), _>(aiomsg_core::Error::new(ErrorKind::Closed))
    }));
    let service = failing.ready().await.unwrap();
    service.call(Outbound::new("x")).await.unwrap_err();
    assert!(layer.unacked().is_empty());

    let mut stuck = layer.layer(tower::service_fn(|_: Outbound| {
        std::future::pending::<Result<(), aiomsg_core::Error>>()
    }));
    let future = stuck.ready().await.unwrap().call(Outbound::new("x"));
    assert_eq!(layer.unacked().len(), 1);
    drop(future);
    assert!(layer.unacked().is_empty());
}

#[tokio::test]
async fn a_call_that_is_polled_returns_a_future_only_if_that_is_pending() {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    let mut call = |accepted: Option<bool>, message: Outbound| {
        let mut service = layer.layer(tower::service_fn(move |_: Outbound| {
            Box::pin(async move {
                match accepted {
                    Some(true) => Ok(()),
                    Some(false) => Err(aiomsg_core::Error::new(ErrorKind::Closed)),
                    None => std::future::pending().await,
                }
            })
        }));
        service.call_and_poll(message, &mut cx)
    };
    let unacked = layer.unacked();

    assert!(call(Some(false), Outbound::new("x")).is_err());
    assert_eq!(unacked.len(), 0);

    assert!(call(Some(true), Outbound::new("x")).unwrap().is_none());
    assert_eq!(unacked.len(), 1, "it stays without its future");

    let stuck = call(None, Outbound::new("x")).unwrap();
    assert_eq!(unacked.len(), 2);
    drop(stuck);
    assert_eq!(unacked.len(), 1);

    let id = MessageId::from_bytes([7; MessageId::LEN]);
    let waiting = call(Some(true), Outbound::new("x").with_id(id).until_acked());
    let mut waiting = waiting.unwrap().unwrap();
    assert!((&mut waiting).now_or_never().is_none());
    unacked.connection().exchanged(&[id], &[id]);
    assert!(waiting.now_or_never().unwrap().is_ok());
}

struct Panicking;

impl std::future::Future for Panicking {
    type Output = Result<(), aiomsg_core::Error>;

    fn poll(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        panic!("a policy");
    }
}

#[tokio::test]
async fn a_call_that_panics_while_it_is_polled_keeps_no_message() {
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    let mut service = layer.layer(tower::service_fn(|_: Outbound| Panicking));
    let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        service.call_and_poll(Outbound::new("x"), &mut cx).is_ok()
    }));
    assert!(called.is_err());
    assert!(layer.unacked().is_empty());
}

#[test]
fn a_call_that_panics_at_once_keeps_no_message() {
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    let panics = |_: Outbound| -> Panicking { panic!("another policy") };
    let mut service = layer.layer(tower::service_fn(panics));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for polled in [false, true] {
        let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if polled {
                let _ = service.call_and_poll(Outbound::new("x"), &mut cx);
            } else {
                drop(service.call(Outbound::new("x")));
            }
        }));
        assert!(called.is_err());
        assert!(layer.unacked().is_empty(), "polled: {polled}");
    }
}

#[tokio::test]
async fn closing_hands_back_what_was_not_acknowledged_in_order() {
    let wire = Wire::default();
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    let resender = tokio::spawn(layer.resender(wire.service()).run());
    let mut service = layer.layer(wire.service());
    for payload in ["a", "b", "c"] {
        send(&mut service, payload).await;
    }
    let connection = layer.unacked().connection();
    connection.exchanged(&wire.ids(), &wire.ids()[1..2]);
    let left: Vec<_> = layer
        .unacked()
        .close()
        .into_iter()
        .map(|it| it.message.into_payload())
        .collect();
    assert_eq!(left, ["a", "c"]);
    resender.await.unwrap().unwrap();
}

/// Pitfall 34: a readiness of which no use was made kept its place for good.
#[tokio::test]
async fn readiness_that_is_not_used_takes_no_place() {
    let wire = Wire::default();
    let limits = Limits {
        items: 2,
        bytes: 1000,
    };
    let layer =
        AtLeastOnceLayer::with_settings(Settings::new().limits(limits), Discard::new(|_| {}));
    let mut service = layer.layer(wire.service());
    for payload in ["a", "b"] {
        for _ in 0..100 {
            assert!(service.clone().ready().now_or_never().is_some());
        }
        send(&mut service, payload).await;
    }
    assert!(service.ready().now_or_never().is_none(), "now it is full");
}

/// A due message without room waited for five seconds each time, however soon there was room,
/// and messages behind it could overtake it.
#[tokio::test(start_paused = true)]
async fn what_finds_no_room_is_sent_again_soon_and_in_order() {
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    let wire = Wire::default();
    let mut service = layer.layer(wire.service());
    let [slow, quick] = ["slow", "quick"].map(|name| Identity::new(name).unwrap());
    for n in 0..10_u8 {
        let message = Outbound::new(vec![n]).to(slow.clone());
        service.ready().await.unwrap().call(message).await.unwrap();
    }
    let message = Outbound::new("at once").to(quick);
    service.ready().await.unwrap().call(message).await.unwrap();
    let connection = layer.unacked().connection();
    connection.sent(&wire.ids());

    // There is room for one message to the slow one, and later for one more.
    let (again, room) = (Wire::default(), Arc::new(Mutex::new(1)));
    let (sent, places) = (again.clone(), Arc::clone(&room));
    let narrow = tower::service_fn(move |message: Outbound| {
        let mut places = places.lock().unwrap();
        let is_full = *places == 0 && message.peer() == Some(&slow);
        if !is_full {
            *places -= usize::from(message.peer() == Some(&slow));
            sent.0.lock().unwrap().push((0, message));
        }
        async move {
            match is_full {
                true => std::future::pending().await,
                false => Ok::<_, aiomsg_core::Error>(()),
            }
        }
    });
    tokio::spawn(layer.resender(narrow).run());
    drop(connection);
    sleep(Duration::from_millis(1)).await;
    let payloads = || {
        let sent = again.0.lock().unwrap();
        let payloads = sent.iter().map(|(_, message)| message.payload().clone());
        payloads.collect::<Vec<_>>()
    };
    assert_eq!(payloads(), [&[0][..], b"at once"]);
    for _ in 1..10 {
        *room.lock().unwrap() += 1;
        sleep(Duration::from_millis(100)).await;
    }
    let (first, others) = (payloads().remove(0), payloads().split_off(2));
    let in_order: Vec<_> = (0..10).map(|n| vec![n]).collect();
    assert_eq!(first, in_order[0]);
    assert_eq!(others, in_order[1..]);
}

/// A panic in its service ended resending for good.
#[tokio::test(start_paused = true)]
async fn the_resender_outlives_a_service_that_panics() {
    let wire = Wire::default();
    let layer = AtLeastOnceLayer::new(Discard::new(|_| {}));
    let mut panics = 3;
    let mut inner = wire.service();
    let again = tower::service_fn(move |message: Outbound| {
        if panics > 0 {
            panics -= 1;
            panic!("as we want");
        }
        inner.call(message)
    });
    tokio::spawn(layer.resender(again).run());
    let mut service = layer.layer(wire.service());
    let connection = layer.unacked().connection();
    send(&mut service, "x").await;
    connection.sent(&wire.ids());
    sleep(SECOND * 6).await;
    assert_eq!(wire.times(), [0, 5]);
    assert_eq!(wire.ids()[0], wire.ids()[1]);
}
