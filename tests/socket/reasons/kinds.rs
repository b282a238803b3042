//! Each kind of failure of what others do: one line at once, and one for the next hundred.

use super::*;
use aiomsg::builder::Overflow;
use aiomsg::stats::FailureKind;
use aiomsg::{AckMode, Delivery, Identity, Limits};
use std::future::IntoFuture;
use tracing::Level;

/// One line at once with the reason, and one for the hundred that come within the minute.
async fn one_line_and_another(
    log: &Collected,
    socket: &Socket,
    kind: FailureKind,
    message: &str,
    reason: &str,
    mut fail: impl AsyncFnMut(),
) {
    fail().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let first = log.of(message);
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!((first[0].level, first[0].more()), (Level::WARN, None));
    assert!(first[0].get("reason").contains(reason), "{first:?}");
    for _ in 0..100 {
        fail().await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(log.of(message).len(), 1);
    a_minute_goes_by().await;
    let lines = log.of(message);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[1].more(), Some(100));
    assert_eq!(log.warnings().len(), 2, "{:?}", log.warnings());
    a_minute_goes_by().await;
    assert_eq!(log.warnings().len(), 2, "and no more");

    let failures = socket.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!((failures[0].kind, failures[0].count), (kind, 101));
    assert!(failures[0].reason.contains(reason), "{failures:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails() {
    let (log, _guard) = Collected::start();
    let (socket, endpoint) = listening("handshake", Socket::new().unwrap()).await;
    let (kind, message) = (FailureKind::Handshake, "a handshake failed");
    one_line_and_another(&log, &socket, kind, message, "http", async || {
        let mut io = raw(&endpoint, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let _ = io.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let lines = log.of(message);
    assert_eq!(lines[0].get("endpoint"), "mem://reasons-handshake");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_refused() {
    let (log, _guard) = Collected::start();
    let only_one = Socket::builder().max_peers(1).build().unwrap();
    let (socket, endpoint) = listening("refused", only_one).await;
    let first = Socket::new().unwrap();
    first.connect(endpoint.clone()).unwrap();
    socket.wait_for_peers(1).await.unwrap();
    let (kind, message) = (FailureKind::Refused, "a peer was refused");
    let reason = "1 peers are connected already";
    one_line_and_another(&log, &socket, kind, message, reason, async || {
        let mut io = raw(
            &endpoint,
            &hello_v1(Identity::random().as_bytes().try_into().unwrap()),
        )
        .await;
        let _ = io.read_to_end(&mut Vec::new()).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_dropped() {
    let (log, _guard) = Collected::start();
    let builder = Socket::builder().overflow(Overflow::DropOldest);
    let limits = Limits {
        items: 1,
        bytes: 1000,
    };
    let socket = builder.buffer_limits(limits).build().unwrap();
    socket.send("the first").await.unwrap();
    let (kind, message) = (FailureKind::Dropped, "a message was dropped");
    one_line_and_another(&log, &socket, kind, message, "no room", async || {
        socket.send("for nobody").await.unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_fails() {
    let (log, _guard) = Collected::start();
    let server = Socket::builder()
        .ack_mode(AckMode::Handled)
        .build()
        .unwrap();
    let (server, endpoint) = listening("handler", server).await;
    let handler = tower::service_fn(|_: Delivery| async {
        Err::<(), _>(std::io::Error::other("the disk is full"))
    });
    let _serving = tokio::spawn(server.serve(handler).into_future());
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    let (kind, message) = (FailureKind::Handler, "a received message was not handled");
    one_line_and_another(
        &log,
        &server,
        kind,
        message,
        "the disk is full",
        async || {
            client.send("job").await.unwrap();
        },
    )
    .await;
    let lines = log.of(message);
    assert_eq!(lines[0].get("peer"), client.identity().short().to_string());
}
