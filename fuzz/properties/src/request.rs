//! Requests and answers that others make up.

use std::convert::Infallible;
use std::time::Duration;

use aiomsg_core::{BoxError, Delivery, HeaderLimits, Headers, Identity, Outbound};
use aiomsg_layers::request::{ReplyLayer, Requests, failure, names, wants_failures};
use bytes::Bytes;
use tower::{Layer, ServiceExt, service_fn};

use crate::run;

const TIMEOUT: Duration = Duration::from_secs(1);

/// As far as the zero byte behind an id is looked for.
const REACH: usize = 64;

/// A message is a request, or an answer, if a zero byte is among its first 64,
/// and comes back with the same id; what is none passes as it is. Only the
/// right answer of the right peer ends a request.
///
/// The input: a byte of flags for an answer to a request (1: as the peer that
/// was asked; 2: with the id as it was sent, and otherwise with the payload in
/// its place; 4: the request was to this peer alone; 8: the payload is a block of
/// headers as well, of requests and answers, if it can be), and the payload.
pub fn request(input: &[u8]) {
    let (flags, payload) = input.split_first().unwrap_or((&0, &[]));
    let payload = Bytes::copy_from_slice(payload);
    let headers = match flags & 8 {
        0 => None,
        _ => Headers::from_bytes(payload.clone(), HeaderLimits::default()).ok(),
    };
    let headers = headers.unwrap_or_default();
    run(async {
        answered(&payload, &headers).await;
        failed(&payload, &headers).await;
        taken_for_an_answer(&payload, &headers).await;
        asked(*flags, &payload, &headers).await;
    });
}

fn has_id(message: &[u8]) -> bool {
    message.iter().take(REACH).any(|&byte| byte == 0)
}

async fn answered(payload: &Bytes, headers: &Headers) {
    let echo = service_fn(|payload: Bytes| async move { Ok::<_, Infallible>(payload) });
    let request = arriving(&Identity::from([1; 16]), payload, headers);
    match ReplyLayer::new().layer(echo).oneshot(request).await {
        Ok(answer) => {
            assert!(has_id(payload));
            assert_eq!(answer, payload);
        }
        Err(error) => assert!(error.is_payload() && !has_id(payload), "{error}"),
    }
}

fn arriving(from: &Identity, payload: &Bytes, headers: &Headers) -> Delivery {
    Delivery::new(from.clone(), payload.clone()).with_headers(headers.clone())
}

/// Only a request whose sender knows the headers of errors is answered with one, and the
/// asking end reads what was written.
async fn failed(payload: &Bytes, headers: &Headers) {
    let asker = Identity::from([1; 16]);
    let request = arriving(&asker, payload, headers);
    let reason = String::from_utf8_lossy(payload);
    let answer = failure(&request, &reason);
    let expected = headers.get(names::DEADLINE).is_some() && has_id(payload);
    assert_eq!(answer.is_some(), expected);
    assert_eq!(wants_failures(&request), expected);

    // One that is asked for in any case: the reason is any text.
    let mut known = headers.clone();
    known.insert(names::DEADLINE, "1").unwrap();
    let request = arriving(&asker, &Bytes::from_static(b"id\0"), &known);
    let answer = failure(&request, &reason).unwrap();
    assert!(answer.bad_headers(HeaderLimits::default()).is_none());
    assert_eq!(answer.peer(), Some(&asker));
    assert_eq!(answer.payload(), &b"id\0"[..]);
    let said = answer.headers().get(names::ERROR).unwrap();
    assert!(said.len() <= 1024 && !said.chars().any(char::is_control));
    assert!(said.chars().count() <= reason.chars().count());
}

async fn taken_for_an_answer(payload: &Bytes, headers: &Headers) {
    let requests = Requests::new();
    let recv =
        service_fn(|message: Delivery| async move { Ok::<_, Infallible>(message.into_payload()) });
    let message = arriving(&Identity::from([1; 16]), payload, headers);
    let Ok(passed) = requests.answers().layer(recv).oneshot(message).await;
    let expected = (!has_id(payload)).then(|| payload.clone());
    assert_eq!(passed, expected);
    assert_eq!(requests.unknown(), u64::from(has_id(payload)));
}

async fn asked(flags: u8, payload: &Bytes, headers: &Headers) {
    let peer = Identity::from([1; 16]);
    let (from, with_id, to_it) = (
        if flags & 1 != 0 {
            peer.clone()
        } else {
            Identity::from([2; 16])
        },
        flags & 2 != 0,
        flags & 4 != 0,
    );
    let requests = Requests::new().timeout(TIMEOUT);
    let recv = service_fn(|_: Delivery| async { Ok::<_, Infallible>(()) });
    let answers = requests.answers().layer(recv);
    // Hears answers after what sends is gone.
    let _hears = answers.clone();
    let (answer, with) = (payload.clone(), headers.clone());
    let sending = service_fn(move |request: Outbound| {
        let end = request.payload().iter().position(|&byte| byte == 0);
        let id = &request.payload()[..end.unwrap()];
        let message = match with_id {
            true => [id, b"\0", &answer].concat(),
            false => answer.to_vec(),
        };
        let answered = answers
            .clone()
            .oneshot(arriving(&from, &message.into(), &with));
        async move { answered.await.map(drop).map_err(BoxError::from) }
    });
    let mut ask = requests.layer().layer(sending);
    if to_it {
        ask = ask.to(peer);
    }
    let outcome = ask.oneshot("question".into()).await;
    if with_id && (flags & 1 != 0 || !to_it) {
        match (headers.get(names::STATUS), outcome) {
            (None, outcome) => assert_eq!(outcome.unwrap(), payload),
            // It waits for a better one.
            (Some(names::STATUS_RETRY), outcome) => assert!(outcome.unwrap_err().is_timeout()),
            (Some(_), outcome) => {
                let error = outcome.unwrap_err();
                assert!(error.is_unhandled());
                assert!(error.reason().is_some_and(|reason| reason.len() <= 1024));
            }
        }
    } else {
        assert!(
            outcome.unwrap_err().is_timeout(),
            "the id is not to be guessed"
        );
    }
    assert!(requests.is_empty());
}
