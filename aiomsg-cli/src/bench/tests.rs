//! Messages that are refused while others pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aiomsg::layer::BoxError;
use aiomsg::{Outbound, Socket};
use tower::filter::FilterLayer;

use super::report::Report;
use super::{LoadArgs, measure};
use crate::common::failure::Outcome;

fn load(one_way: bool) -> LoadArgs {
    LoadArgs {
        duration: Duration::from_millis(300),
        warm_up: Duration::from_millis(20),
        size: 64,
        in_flight: 2,
        one_way,
        at_least_once: false,
        answer_within: Duration::from_secs(30),
    }
}

/// One message of three is refused, by a layer.
async fn with_refusals(one_way: bool) -> Outcome<Report> {
    let echo = Socket::new().unwrap();
    let endpoint = echo.bind("127.0.0.1:0").await.unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let third = FilterLayer::new(move |message: Outbound| {
        match count.fetch_add(1, Ordering::Relaxed) % 3 {
            0 => Err(BoxError::from("not this one")),
            _ => Ok(message),
        }
    });
    let socket = Socket::builder().layer(third).build().unwrap();
    socket.connect(endpoint).unwrap();
    socket.wait_for_peers(1).await.unwrap();
    let echoing = tokio::spawn(async move {
        while let Ok(message) = echo.recv_message().await {
            let (from, payload, _) = message.into_parts();
            if !one_way && echo.send_to(from, payload).await.is_err() {
                return;
            }
        }
    });
    let report = measure(&socket, &load(one_way)).await;
    echoing.abort();
    report
}

#[tokio::test]
async fn a_message_that_is_refused_does_not_end_the_measuring() {
    for one_way in [false, true] {
        let report = with_refusals(one_way).await.unwrap();
        assert!(report.messages > 10, "{one_way}: {}", report.messages);
        let outcome = report.outcome().unwrap_err().to_string();
        for part in ["messages were refused", "not this one"] {
            assert!(outcome.contains(part), "{one_way}: {outcome}");
        }
    }
}

#[tokio::test]
async fn a_socket_that_ends_ends_the_measuring() {
    for one_way in [false, true] {
        let peer = Socket::new().unwrap();
        let endpoint = peer.bind("127.0.0.1:0").await.unwrap();
        let socket = Socket::new().unwrap();
        socket.connect(endpoint).unwrap();
        socket.wait_for_peers(1).await.unwrap();
        socket.close(Duration::ZERO).await;
        let failure = measure(&socket, &load(one_way)).await.err().unwrap();
        assert!(failure.to_string().contains("closed"), "{failure}");
    }
}
