//! Closing in good order.

use super::*;
use aiomsg::DeliveryGuarantee;

/// Pitfall 29: close() threw queued messages away.
#[tokio::test]
async fn what_is_queued_is_sent_first() {
    for guarantee in [
        DeliveryGuarantee::AtMostOnce,
        DeliveryGuarantee::AtLeastOnce,
    ] {
        let (server, endpoint) = bound().await;
        let client = Socket::builder()
            .delivery_guarantee(guarantee)
            .build()
            .unwrap();
        client.connect(endpoint).unwrap();
        within("the server", client.wait_for_peers(1))
            .await
            .unwrap();
        for n in 0..10_000 {
            client.send(n.to_string()).await.unwrap();
        }
        let report = within("the close", client.close(PATIENCE)).await;
        assert!(
            report.is_clean(),
            "{guarantee:?}: {} unsent",
            report.unsent.len()
        );
        for n in 0..10_000 {
            assert_eq!(
                within("a message", server.recv_text()).await.unwrap(),
                n.to_string()
            );
        }
    }
}

#[tokio::test]
async fn what_nobody_was_there_for_is_handed_back() {
    let socket = Socket::new().unwrap();
    for n in 0..3 {
        socket.send(n.to_string()).await.unwrap();
    }
    let absent = aiomsg::Identity::random();
    socket.send_to(absent, "for the absent").await.unwrap();
    let report = within("the close", socket.close(PATIENCE)).await;
    let mut unsent: Vec<_> = report
        .unsent
        .iter()
        .map(|it| it.payload().clone())
        .collect();
    unsent.sort();
    assert_eq!(unsent, ["0", "1", "2", "for the absent"]);
}

/// Pitfall 30: close() hung on a peer that does not read.
#[tokio::test]
async fn a_peer_that_does_not_read_costs_the_deadline_only() {
    let (server, endpoint) = bound().await;
    let mut deaf = Raw::connect(&endpoint).await;
    deaf.write(hello_v1(&[1; 16])).await;
    within("the peer", server.wait_for_peers(1)).await.unwrap();
    let mut accepted = 0;
    while let Ok(sent) =
        tokio::time::timeout(Duration::from_millis(500), server.send(vec![0; 60_000])).await
    {
        sent.unwrap();
        accepted += 1;
    }
    let report = within("the close", server.close(Duration::from_millis(300))).await;
    let sent = accepted - report.unsent.len();
    assert!(!report.unsent.is_empty());
    // What is not in the report is with the system, whole.
    drop(server);
    let mut got = 0;
    let mut read = vec![0; 1 << 16];
    while let Ok(bytes) = deaf.0.read(&mut read).await
        && bytes > 0
    {
        got += bytes;
    }
    assert!(got >= 22 + sent * 60_005, "{got} bytes of {sent} messages");
}

/// Pitfall 30: close() hung on a peer that never finished its handshake.
#[tokio::test]
async fn a_peer_that_never_says_who_it_is_costs_nothing() {
    let (server, endpoint) = bound().await;
    let mut silent = Raw::connect(&endpoint).await;
    tokio::task::yield_now().await;
    let start = tokio::time::Instant::now();
    within("the close", server.close(Duration::from_secs(10))).await;
    assert!(start.elapsed() < Duration::from_secs(5));
    silent.closed().await;
}

/// Pitfall 30, at the end that connects.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_says_who_it_is_costs_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Socket::new().unwrap();
    client.connect(listener.local_addr().unwrap()).unwrap();
    let (mut silent, _) = within("the client", listener.accept()).await.unwrap();
    // It has begun its handshake, and waits for ours.
    within("its first bytes", silent.read_exact(&mut [0; 3]))
        .await
        .unwrap();
    let start = tokio::time::Instant::now();
    client.close(Duration::from_secs(10)).await;
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn what_was_not_acknowledged_is_handed_back() {
    let socket = Socket::builder()
        .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
        .build()
        .unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut mute = Raw::connect(&endpoint).await;
    mute.write(hello_v1(&[1; 16])).await;
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    socket.send("x").await.unwrap();
    let report = within("the close", socket.close(Duration::from_millis(300))).await;
    assert!(report.unsent.is_empty());
    assert_eq!(report.unacknowledged.len(), 1);
    assert_eq!(report.unacknowledged[0].payload(), "x");
}

#[tokio::test]
async fn a_closed_socket_says_so() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint.clone()).unwrap();
    client.send("early").await.unwrap();
    within("a message", async {
        while server.stats().received_messages == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(server.close(PATIENCE).await.is_clean());
    let mut error = server.send("late").await.unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.take_message().unwrap().payload(), "late");
    assert!(server.bind("127.0.0.1:0").await.unwrap_err().is_closed());
    assert!(server.connect(endpoint).unwrap_err().is_closed());
    assert!(server.wait_for_peers(1).await.unwrap_err().is_closed());
    // What had arrived can still be received.
    assert_eq!(server.recv().await.unwrap(), "early");
    assert!(server.recv().await.unwrap_err().is_closed());
    // Twice is as good as once.
    assert!(server.close(PATIENCE).await.is_clean());
}

/// What had arrived can still be received, also when the inbox was full and
/// the system held the rest.
#[tokio::test]
async fn a_receiver_that_closes_with_a_full_inbox_loses_nothing() {
    let (server, endpoint) = bound().await;
    let client = Socket::builder()
        .receive_limits(aiomsg::Limits {
            items: 10,
            bytes: 1 << 20,
        })
        .build()
        .unwrap();
    client.connect(endpoint).unwrap();
    within("the client", server.wait_for_peers(1))
        .await
        .unwrap();
    for _ in 0..5000 {
        server.send(vec![7; 100]).await.unwrap();
    }
    client.close(PATIENCE).await;
    let mut received = 0;
    while client.recv().await.is_ok() {
        received += 1;
    }
    let report = within("the close", server.close(PATIENCE)).await;
    assert_eq!(received + report.unsent.len(), 5000);
}

/// A call of `close` that was given up took the rest with it: the next one reported
/// nothing, and five messages were gone.
#[tokio::test]
async fn a_close_that_is_given_up_leaves_its_report_to_the_next() {
    // Wherever the call was.
    for polls in 1..10 {
        // What was sent and not acknowledged.
        let socket = Socket::builder()
            .delivery_guarantee(DeliveryGuarantee::AtLeastOnce)
            .build()
            .unwrap();
        let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
        let mut mute = Raw::connect(&endpoint).await;
        mute.write(hello_v1(&[1; 16])).await;
        within("the peer", socket.wait_for_peers(1)).await.unwrap();
        for n in 0..5 {
            socket.send(n.to_string()).await.unwrap();
        }
        within("the last", mute.0.read_exact(&mut [0; 22 + 5 * 22]))
            .await
            .unwrap();
        let report = close_after(&socket, polls).await;
        let messages = report.unacknowledged.len() + report.unsent.len();
        assert_eq!(messages, 5, "{polls}: {report:?}");
        let again = socket.close(PATIENCE).await;
        assert!(again.is_clean(), "it is reported once");

        // What was not sent.
        let socket = Socket::new().unwrap();
        for n in 0..5 {
            socket.send(n.to_string()).await.unwrap();
        }
        let report = close_after(&socket, polls).await;
        assert_eq!(report.unsent.len(), 5, "{polls}");
    }
}

/// A call that was given up when everything had been told to end took the end of
/// receiving with it, and that of the events: who waited for these waited for ever.
#[tokio::test]
async fn a_close_that_is_given_up_leaves_nobody_waiting() {
    for polls in 1..12 {
        for mute in [false, true] {
            let socket = Socket::new().unwrap();
            let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
            let mut events = socket.events();
            let mut peer = Raw::connect(&endpoint).await;
            if !mute {
                peer.write(hello_v1(&[1; 16])).await;
                within("the peer", socket.wait_for_peers(1)).await.unwrap();
            }
            close_after(&socket, polls).await;
            let received = within("the end of receiving", socket.recv()).await;
            assert!(received.unwrap_err().is_closed(), "{polls}");
            within("the end of the events", async {
                while events.next().await.is_some() {}
            })
            .await;
        }
    }
}

/// Closes, with a call that is given up after so many polls before that.
async fn close_after(socket: &Socket, polls: usize) -> aiomsg::close::CloseReport {
    use futures::FutureExt;

    let mut given_up = Box::pin(socket.close(Duration::ZERO));
    for _ in 0..polls {
        if let Some(report) = (&mut given_up).now_or_never() {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(given_up);
    within("the close", socket.close(Duration::ZERO)).await
}

/// Who sent right after it had begun to connect, and closed, had everything handed back.
/// One that was let in just then was given messages, and dropped with them.
#[tokio::test]
async fn what_waits_for_a_connection_that_is_being_made_is_sent() {
    for delay in 0..40 {
        for at_least_once in [false, true] {
            let (server, endpoint) = bound().await;
            let client = match at_least_once {
                false => Socket::new().unwrap(),
                true => Socket::builder().at_least_once().build().unwrap(),
            };
            client.connect(endpoint).unwrap();
            client.send("for anyone").await.unwrap();
            let to = server.identity().clone();
            client.send_to(to, "for this one").await.unwrap();
            // At once, before the task that dials has begun; and later.
            if delay > 0 {
                tokio::time::sleep(Duration::from_micros(50 * delay)).await;
            }
            let report = within("the close", client.close(Duration::from_secs(5))).await;
            assert!(report.is_clean(), "{delay}: {report:?}");
            for _ in 0..2 {
                within("a message", server.recv()).await.unwrap();
            }
        }
    }
}

/// A connection that cannot be had, or takes too long, is not waited for longer.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_says_who_it_is_costs_no_more_than_the_deadline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Socket::new().unwrap();
    client.connect(listener.local_addr().unwrap()).unwrap();
    client.send("x").await.unwrap();
    let _silent = within("the client", listener.accept()).await.unwrap();
    let start = tokio::time::Instant::now();
    let report = client.close(Duration::from_secs(3)).await;
    assert_eq!(report.unsent.len(), 1);
    let took = start.elapsed();
    assert!(
        took >= Duration::from_secs(3) && took < Duration::from_secs(4),
        "{took:?}"
    );

    // Refused: the next try is not waited for.
    let endpoint = listener.local_addr().unwrap();
    drop(listener);
    let client = Socket::new().unwrap();
    let mut events = client.events();
    client.connect(endpoint).unwrap();
    client.send("x").await.unwrap();
    event(&mut events, "a failed try", |event| {
        matches!(event, Event::DialFailed { .. }).then_some(())
    })
    .await;
    let start = tokio::time::Instant::now();
    assert_eq!(client.close(Duration::from_secs(9)).await.unsent.len(), 1);
    assert!(start.elapsed() < Duration::from_secs(1));
}

/// A peer that is told who we are may send at once. A close in the middle of its
/// handshake dropped the connection, with what the peer had sent, and no report said so.
#[tokio::test]
async fn what_came_behind_a_handshake_that_was_under_way_is_received() {
    use aiomsg::builder::{Dialect, Dialects};

    for (dialect, hello, message) in [
        (Dialect::V1, hello_v1(&[1; 16]), &b"\0\0\0\x02\x03x"[..]),
        (Dialect::V2019, hello_2019(&[1; 16]), b"\0\0\0\x01x"),
    ] {
        let server = Socket::builder().dialects(Dialects::Prefer(dialect));
        let server = server.build().unwrap();
        let endpoint = server.bind("127.0.0.1:0").await.unwrap();
        let mut peer = Raw::connect(&endpoint).await;
        peer.write(&hello[..3]).await;
        // It is told now, and knows the server before the server knows it.
        let mut told = vec![0; hello.len()];
        within("who it is", peer.0.read_exact(&mut told))
            .await
            .unwrap();
        let closing = server.close(PATIENCE);
        let peer = async {
            tokio::task::yield_now().await;
            peer.write([&hello[3..], message].concat()).await;
            peer.closed().await;
        };
        within("the close", async { tokio::join!(closing, peer) }).await;
        assert_eq!(within("the message", server.recv()).await.unwrap(), "x");
    }
}

/// One that says nothing more is not waited for long, nor is one that was told nothing.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_go_on_holds_up_no_close() {
    for (said, longest) in [(&b""[..], 0), (b"\0\0\0", 1_000)] {
        let (server, endpoint) = bound().await;
        let mut peer = Raw::connect(&endpoint).await;
        peer.write(said).await;
        if !said.is_empty() {
            let mut told = [0; 22];
            within("who it is", peer.0.read_exact(&mut told))
                .await
                .unwrap();
        }
        let start = tokio::time::Instant::now();
        within("the close", server.close(PATIENCE)).await;
        let took = start.elapsed();
        assert!(took <= Duration::from_millis(longest + 500), "{took:?}");
    }
}
