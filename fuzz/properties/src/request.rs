//! Requests and answers that others make up.

use std::convert::Infallible;
use std::time::Duration;

use aiomsg_core::{BoxError, Delivery, Identity, Outbound};
use aiomsg_layers::request::{ReplyLayer, Requests};
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
/// its place; 4: the request was to this peer alone), and the payload.
pub fn request(input: &[u8]) {
    let (flags, payload) = input.split_first().unwrap_or((&0, &[]));
    let payload = Bytes::copy_from_slice(payload);
    run(async {
        answered(&payload).await;
        taken_for_an_answer(&payload).await;
        asked(*flags, &payload).await;
    });
}

fn has_id(message: &[u8]) -> bool {
    message.iter().take(REACH).any(|&byte| byte == 0)
}

async fn answered(payload: &Bytes) {
    let echo = service_fn(|payload: Bytes| async move { Ok::<_, Infallible>(payload) });
    let request = Delivery::new(Identity::from([1; 16]), payload.clone());
    match ReplyLayer::new().layer(echo).oneshot(request).await {
        Ok(answer) => {
            assert!(has_id(payload));
            assert_eq!(answer, payload);
        }
        Err(error) => assert!(error.is_payload() && !has_id(payload), "{error}"),
    }
}

async fn taken_for_an_answer(payload: &Bytes) {
    let requests = Requests::new();
    let recv =
        service_fn(|message: Delivery| async move { Ok::<_, Infallible>(message.into_payload()) });
    let message = Delivery::new(Identity::from([1; 16]), payload.clone());
    let Ok(passed) = requests.answers().layer(recv).oneshot(message).await;
    let expected = (!has_id(payload)).then(|| payload.clone());
    assert_eq!(passed, expected);
    assert_eq!(requests.unknown(), u64::from(has_id(payload)));
}

async fn asked(flags: u8, payload: &Bytes) {
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
    let arriving = requests.answers().layer(recv);
    // Hears answers after what sends is gone.
    let _hears = arriving.clone();
    let answer = payload.clone();
    let sending = service_fn(move |request: Outbound| {
        let end = request.payload().iter().position(|&byte| byte == 0);
        let id = &request.payload()[..end.unwrap()];
        let message = match with_id {
            true => [id, b"\0", &answer].concat(),
            false => answer.to_vec(),
        };
        let arriving = arriving
            .clone()
            .oneshot(Delivery::new(from.clone(), message));
        async move { arriving.await.map(drop).map_err(BoxError::from) }
    });
    let mut ask = requests.layer().layer(sending);
    if to_it {
        ask = ask.to(peer);
    }
    let outcome = ask.oneshot("question".into()).await;
    if with_id && (flags & 1 != 0 || !to_it) {
        assert_eq!(outcome.unwrap(), payload);
    } else {
        assert!(
            outcome.unwrap_err().is_timeout(),
            "the id is not to be guessed"
        );
    }
    assert!(requests.is_empty());
}
