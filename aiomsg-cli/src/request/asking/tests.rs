//! Requests to a peer that fails on some of them, with the clock paused.

use std::ffi::OsString;
use std::future::IntoFuture;

use aiomsg::AckMode;
use aiomsg::layer::{BoxError, ReplyLayer, Requests};
use tower::{Layer, service_fn};

use super::*;
use crate::recv::Format;

const PATIENCE: Duration = Duration::from_secs(30);

async fn reply(request: Bytes) -> Result<Bytes, BoxError> {
    match &request[..] {
        b"bad" => Err("no reply to that".into()),
        b"slow" => std::future::pending().await,
        _ => Ok(request),
    }
}

/// What is written for these requests, and what it comes to.
async fn asked(endpoint: &str, requests: &[&str], in_flight: usize) -> (String, String) {
    let server = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    server.bind(endpoint).await.unwrap();
    let service = ReplyLayer::new().layer(service_fn(reply));
    let serving = tokio::spawn(server.serve(service).into_future());

    let table = Requests::new().timeout(PATIENCE);
    let client = Socket::builder().receive_layer(table.answers());
    let client = client.build().unwrap();
    client.connect(endpoint).unwrap();
    client.wait_for_peers(1).await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("replies");
    let (output, _) = Output::open(Some(&file), Format::Lines).await.unwrap();
    let texts = requests.iter().map(OsString::from).collect();
    let mut input = Input::of_texts(texts).unwrap();
    let mut stop = Stop::new().unwrap();
    let mut asking = Asking {
        socket: &client,
        service: table.layer().layer(client.clone()),
        output,
        patience: PATIENCE,
        in_flight,
        tally: Tally::default(),
    };
    let ended = asking.all(&mut input, &mut stop).await;
    let outcome = match asking.tally.outcome(ended, false, 0) {
        Ok(()) => String::new(),
        Err(failure) => failure.to_string(),
    };
    serving.abort();
    (std::fs::read_to_string(&file).unwrap(), outcome)
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_reply_costs_only_itself() {
    for in_flight in [1, 3] {
        for (request, why) in [
            ("slow", "no reply to request 2 within 30s"),
            ("bad", "request 2 was not handled: no reply to that"),
        ] {
            let endpoint = format!("mem://costs-itself-{request}-{in_flight}");
            let (written, outcome) = asked(&endpoint, &["one", request, "two"], in_flight).await;
            assert_eq!(written, "one\ntwo\n");
            assert!(
                outcome.starts_with(&format!("{why}; 2 of 3 requests")),
                "{outcome}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_replies_are_no_failure() {
    let (written, outcome) = asked("mem://all-replies", &["a", "", "b\n"], 8).await;
    assert_eq!(written, "a\n\nb\n");
    assert_eq!(outcome, "");
}
