//! Sends that meet the close.

use super::tests::{Lost, Wire, send};
use super::*;
use aiomsg_core::{Error, ErrorKind, Outbound};
use tower::{Layer, Service, service_fn};

/// Refuses each message, because its stack closes meanwhile. The close has taken the message
/// into its report.
fn closes(
    layer: &AtLeastOnceLayer,
    report: &Report,
) -> impl Service<Outbound, Response = (), Error = Error> + use<> {
    let (unacked, report) = (layer.unacked(), report.clone());
    service_fn(move |message: Outbound| {
        report.lock().unwrap().extend(unacked.close());
        std::future::ready(Err(Error::new(ErrorKind::Closed).with_message(message)))
    })
}

type Report = std::sync::Arc<std::sync::Mutex<Vec<Unacknowledged>>>;

#[tokio::test]
async fn a_message_that_closing_has_taken_does_not_come_back_as_well() {
    let (layer, report) = (
        AtLeastOnceLayer::new(Lost::default().discard()),
        Report::default(),
    );
    let mut service = layer.layer(closes(&layer, &report));
    send(&mut service, "in the report").await;
    let reported: Vec<_> = report.lock().unwrap().drain(..).collect();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].message.payload(), "in the report");
}

#[tokio::test]
async fn one_whose_acknowledgement_is_waited_for_is_in_the_report_alone() {
    let (layer, report) = (
        AtLeastOnceLayer::new(Lost::default().discard()),
        Report::default(),
    );
    let mut service = layer.layer(closes(&layer, &report));
    let sending = service.call(Outbound::new("x").until_acked());
    let mut error = sending.await.unwrap_err();
    assert!(error.is_closed(), "{error}");
    assert!(error.take_message().is_none(), "the report has it");
    assert_eq!(report.lock().unwrap().len(), 1);
}

/// The service inside closes as it is called, and refuses the message.
#[tokio::test]
async fn a_message_that_closing_has_taken_is_not_left_to_be_sent() {
    let layer = AtLeastOnceLayer::new(Lost::default().discard());
    let mut reported = Vec::new();
    let refuses = service_fn(|message: Outbound| {
        reported = layer.unacked().close();
        std::future::ready(Err::<(), _>(
            Error::new(ErrorKind::Closed).with_message(message),
        ))
    });
    let sending = layer.layer(refuses).call(Outbound::new("x"));
    sending.await.expect("it came back, too");
    assert_eq!(reported.len(), 1);
}

#[tokio::test]
async fn what_comes_after_the_close_is_refused_and_not_sent() {
    let (layer, wire) = (
        AtLeastOnceLayer::new(Lost::default().discard()),
        Wire::default(),
    );
    let mut service = layer.layer(wire.service());
    assert!(layer.unacked().close().is_empty());
    for message in [Outbound::new("x"), Outbound::new("x").until_acked()] {
        let mut error = service.call(message).await.unwrap_err();
        assert!(error.is_closed(), "{error}");
        let message = error.take_message().expect("it comes back");
        assert_eq!((message.payload(), message.id()), (&"x".into(), None));
    }
    assert!(
        wire.messages().is_empty(),
        "nobody would hear that it did not arrive"
    );
}

/// It was in the report, and an event reported it, too.
#[test]
fn what_closing_has_taken_is_not_told_of_as_dropped() {
    let lost = Lost::default();
    let layer = AtLeastOnceLayer::new(lost.discard());
    let mut message = Outbound::new("x");
    assert!(layer.unacked().insert(&mut message).is_some());
    assert_eq!(layer.unacked().close().len(), 1);
    layer
        .discard()
        .message(message, aiomsg_core::DropReason::Overflow);
    assert!(lost.reasons().is_empty());
}
