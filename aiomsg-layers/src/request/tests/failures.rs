//! Requests that are not handled, and headers of requests.

use super::*;
use aiomsg_core::{Headers, MessageId};
use std::error::Error as _;

impl Arriving {
    fn answer_with(&self, from: &Identity, id: &[u8], headers: &[(&str, &str)]) {
        let answer = Outbound::new([id, b"\0"].concat());
        let answer = headers
            .iter()
            .fold(answer, |answer, (name, value)| answer.header(name, value));
        self.deliver(from, answer);
    }

    fn deliver(&self, from: &Identity, answer: Outbound) {
        let headers = answer.headers().clone();
        let message = Delivery::new(from.clone(), answer.into_payload()).with_headers(headers);
        let inner = service_fn(|_: Delivery| std::future::ready(Ok::<_, Error>(())));
        let taken = self.requests.answers().layer(inner).oneshot(message);
        assert!(taken.now_or_never().unwrap().unwrap().is_none());
    }
}

impl Wire {
    /// The request as it arrives.
    fn arrives(&self, at: usize) -> Delivery {
        let sent = self.0.lock().unwrap()[at].clone();
        let headers = sent.headers().clone();
        Delivery::new(peer("asker"), sent.into_payload()).with_headers(headers)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_handled_fails_with_the_reason() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let request = start(&mut service, "question");
    let answer = failure(&wire.arrives(0), "it cannot be done").unwrap();
    assert_eq!(answer.peer(), Some(&peer("asker")));
    arriving.deliver(&peer("p"), answer);
    let error = request.now_or_never().unwrap().unwrap_err();
    assert!(error.is_unhandled());
    assert_eq!(error.reason(), Some("it cannot be done"));
    assert_eq!(
        error.to_string(),
        "peer 70: the request was not handled: it cannot be done"
    );
    assert!(requests.is_empty());
}

/// The peer sends it again, so its failure is not final.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_sent_again_waits_for_a_better_answer() {
    let (wire, requests) = (Wire::default(), Requests::new().timeout(SECOND));
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let mut request = start(&mut service, "question");
    let arrived = wire.arrives(0).with_id(MessageId::from_bytes([1; 16]));
    arriving.deliver(&peer("p"), failure_for_now(&arrived, "not now").unwrap());
    assert!((&mut request).now_or_never().is_none());
    arriving.answer(&peer("p"), &wire.id(0), "now");
    assert_eq!(request.now_or_never().unwrap().unwrap(), "now");

    let request = start(&mut service, "another");
    for reason in ["not now", "not now either"] {
        arriving.answer_with(
            &peer("p"),
            &wire.id(1),
            &[(names::STATUS, "retry"), (names::ERROR, reason)],
        );
    }
    let error = request.await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(
        error.chain().to_string(),
        "timed out: there was no answer within 1s, and a try failed: \
         peer 70: the request was not handled: not now either"
    );
    assert!(error.source().is_some());
    assert!(requests.is_empty());
    assert_eq!(requests.late(), 0);
}

/// Only the peer that was asked may say so.
#[tokio::test(start_paused = true)]
async fn the_failure_of_another_peer_does_not_count() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service()).to(peer("p"));
    let mut request = start(&mut service, "question");
    for status in ["error", "retry"] {
        arriving.answer_with(&peer("q"), &wire.id(0), &[(names::STATUS, status)]);
    }
    assert!((&mut request).now_or_never().is_none());
    assert_eq!(requests.unknown(), 2);
}

/// A later version may have more of them.
#[tokio::test(start_paused = true)]
async fn an_unknown_status_is_no_success() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let request = start(&mut service, "question");
    arriving.answer_with(&peer("p"), &wire.id(0), &[(names::STATUS, "moved")]);
    let error = request.now_or_never().unwrap().unwrap_err();
    assert!(error.is_unhandled());
    let reason = error.reason().unwrap();
    assert_eq!(reason, "the peer says \"moved\", without a reason");

    let request = start(&mut service, "another");
    arriving.answer_with(&peer("p"), &wire.id(1), &[("content-type", "text/plain")]);
    assert_eq!(request.now_or_never().unwrap().unwrap(), "");
}

#[tokio::test(start_paused = true)]
async fn a_reason_is_bounded_and_has_no_control_characters() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let arriving = Arriving::new(&requests);
    let mut service = requests.layer().layer(wire.service());
    let request = start(&mut service, "question");
    let reason = format!("two\nlines\u{85}{}", "ü".repeat(1_000));
    let answer = failure(&wire.arrives(0), &reason).unwrap();
    let sent = answer.headers().get(names::ERROR).unwrap().to_owned();
    assert!(sent.starts_with("two lines üüü"), "{sent}");
    assert!((1_023..=1_024).contains(&sent.len()), "{}", sent.len());
    arriving.deliver(&peer("p"), answer);
    let error = request.now_or_never().unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(&*sent));

    // A peer that does not keep to it is cut as well.
    let request = start(&mut service, "another");
    arriving.answer_with(
        &peer("p"),
        &wire.id(1),
        &[(names::STATUS, "error"), (names::ERROR, &"x".repeat(5_000))],
    );
    let error = request.now_or_never().unwrap().unwrap_err();
    assert_eq!(error.reason().unwrap().len(), 1_024);
}

/// It would take an answer without a payload for a success.
#[test]
fn only_a_sender_that_understands_it_is_told() {
    let with = |payload: &'static str, name: &str| {
        let mut headers = Headers::new();
        headers.insert(name, "30000").unwrap();
        Delivery::new(peer("p"), payload).with_headers(headers)
    };
    assert!(failure(&with("id\0x", names::DEADLINE), "no").is_some());
    assert!(failure(&with("id", names::DEADLINE), "no").is_none());
    assert!(failure(&with("id\0x", names::ROUTE), "no").is_none());
    assert!(failure(&Delivery::new(peer("p"), "id\0x"), "no").is_none());
}

// ===== headers of requests =====

#[tokio::test(start_paused = true)]
async fn a_request_says_how_long_it_waits() {
    let (wire, requests) = (Wire::default(), Requests::new());
    let sent = |at: usize| wire.0.lock().unwrap()[at].clone();
    let _first = start(&mut requests.layer().layer(wire.service()), "x");
    let quick = requests.clone().timeout(SECOND / 4).layer();
    let mut quick = quick.layer(wire.service()).route("orders.create");
    let _second = start(&mut quick, "x");
    let bare = requests.clone().deadlines(false).layer();
    let _third = start(&mut bare.layer(wire.service()), "x");

    let all = |at| -> Vec<_> {
        let message = sent(at);
        let headers = message.headers().iter();
        headers.map(|(n, v)| format!("{n}={v}")).collect()
    };
    assert_eq!(all(0), ["aiomsg-deadline=30000"]);
    assert_eq!(
        all(1),
        ["aiomsg-deadline=250", "aiomsg-route=orders.create"]
    );
    assert!(sent(2).is_plain(), "as before there were headers");
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_comes_back_with_the_headers_of_its_caller() {
    let failing = service_fn(|_: Outbound| async { Err::<(), _>(Error::from(ErrorKind::Limit)) });
    let service = Requests::new().layer().layer(failing).route("orders.list");
    let mut error = service.oneshot("x".into()).await.unwrap_err();
    let message = error.take_message().unwrap();
    assert_eq!(
        message,
        Outbound::new("x").header("aiomsg-route", "orders.list")
    );
}
