//! A send that waits until its message is acknowledged.

use super::*;
use futures::FutureExt;
use tower::timeout::TimeoutLayer;

#[tokio::test]
async fn it_returns_when_the_peer_has_the_message() {
    let (server, endpoint) = bound().await;
    let client = Socket::builder().at_least_once().build().unwrap();
    client.connect(endpoint).unwrap();
    within("the acknowledgement", client.send_acked("job"))
        .await
        .unwrap();
    // It is there: nothing is to be waited for.
    assert_eq!(server.recv().now_or_never().unwrap().unwrap(), "job");
    assert_eq!(client.stats().unacknowledged_messages, 0);
}

/// Handled, and not only received, if the other end says so.
#[tokio::test]
async fn it_waits_for_the_handler() {
    let server = Socket::builder()
        .ack_mode(aiomsg::AckMode::Handled)
        .build()
        .unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let client = Socket::builder().at_least_once().build().unwrap();
    client.connect(endpoint).unwrap();
    let mut sending = Box::pin(client.send_acked("job"));
    let job = tokio::select! {
        job = server.recv_message() => job.unwrap(),
        _ = &mut sending => panic!("nobody has handled it"),
    };
    assert!((&mut sending).now_or_never().is_none());
    assert!(server.acknowledge(&job));
    within("the acknowledgement", sending).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_message_comes_back_when_no_try_is_left() {
    let client = Socket::builder()
        .at_least_once()
        .max_resends(2)
        .build()
        .unwrap();
    let mut events = client.events();
    let endpoint = client.bind("127.0.0.1:0").await.unwrap();
    let mut deaf = Raw::connect(&endpoint).await;
    deaf.write(hello_v1(&[1; 16])).await;
    tokio::spawn(async move {
        // It lives, and never acknowledges.
        loop {
            deaf.write(b"\0\0\0\x01\x02").await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    let mut error = client.send_acked("unheard").await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.take_message().unwrap().payload(), "unheard");
    assert_eq!(client.stats().unacknowledged_messages, 0);
    // Whoever waited has it: no event tells of it as well.
    client.close(Duration::ZERO).await;
    while let Some(event) = events.next().await {
        assert!(!matches!(event, Event::Dropped { .. }), "{event:?}");
    }
}

/// Tower's timeout is around the whole of it, and what it gives up is not sent
/// again.
#[tokio::test(start_paused = true)]
async fn a_timeout_ends_the_wait_and_the_resends() {
    let client = Socket::builder()
        .at_least_once()
        .layer(TimeoutLayer::new(Duration::from_secs(2)))
        .build()
        .unwrap();
    let mut error = client.send_acked("nobody is there").await.unwrap_err();
    assert!(error.is_timeout());
    assert_eq!(error.take_message().unwrap().payload(), "nobody is there");
    assert_eq!(client.stats().unacknowledged_messages, 0);
}

#[tokio::test]
async fn a_close_ends_the_wait_and_reports_the_message() {
    let client = Socket::builder().at_least_once().build().unwrap();
    let sending = tokio::spawn({
        let client = client.clone();
        async move { client.send_acked("too late").await }
    });
    within("the message", async {
        while client.stats().buffered_messages == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let report = client.close(Duration::ZERO).await;
    assert!(sending.await.unwrap().unwrap_err().is_closed());
    assert_eq!(report.unsent[0].payload(), "too late");
}

#[tokio::test]
async fn a_socket_without_acknowledgements_refuses() {
    let (socket, _) = bound().await;
    let mut error = socket.send_acked("?").await.unwrap_err();
    assert!(error.is_config());
    assert!(error.take_message().is_some());
}
