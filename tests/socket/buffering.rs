//! Sending while nobody is there, and reconnecting.

use super::*;
use aiomsg::{Limits, SendMode};
use futures::FutureExt;

#[tokio::test]
async fn what_is_sent_before_the_first_peer_arrives_in_order() {
    for mode in [SendMode::RoundRobin, SendMode::Publish] {
        let server = Socket::builder().send_mode(mode).build().unwrap();
        for n in 0..1000 {
            server.send(n.to_string()).await.unwrap();
        }
        assert_eq!(server.stats().buffered_messages, 1000);
        let endpoint = server.bind("127.0.0.1:0").await.unwrap();
        let client = Socket::new().unwrap();
        client.connect(endpoint).unwrap();
        for n in 0..1000 {
            let message = within("a message", client.recv_text()).await.unwrap();
            assert_eq!(message, n.to_string());
        }
        assert_eq!(server.stats().buffered_messages, 0);
    }
}

#[tokio::test]
async fn and_again_between_peers() {
    let (server, endpoint) = bound().await;
    let mut sent = 0;
    for round in 0..3 {
        for _ in 0..100 {
            server.send(sent.to_string()).await.unwrap();
            sent += 1;
        }
        let client = Socket::new().unwrap();
        client.connect(endpoint.clone()).unwrap();
        for n in sent - 100..sent {
            let message = within("a message", client.recv_text()).await.unwrap();
            assert_eq!(message, n.to_string(), "round {round}");
        }
        client.close(PATIENCE).await;
        within("nobody", async {
            while server.stats().peers > 0 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_full_buffer_makes_send_wait() {
    let server = Socket::builder()
        .buffer_limits(Limits {
            items: 10,
            bytes: 1 << 20,
        })
        .build()
        .unwrap();
    for n in 0..10 {
        server.send(n.to_string()).await.unwrap();
    }
    assert!(server.send("10").now_or_never().is_none());
    let waiting = tokio::spawn({
        let server = server.clone();
        async move { server.send("10").await }
    });
    let endpoint = server.bind("mem://full-buffer").await.unwrap();
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    for n in 0..=10 {
        let message = within("a message", client.recv_text()).await.unwrap();
        assert_eq!(message, n.to_string());
    }
    within("the send", waiting).await.unwrap().unwrap();
}

/// Pitfall 28: a receive that is cancelled loses the message it had taken.
#[tokio::test]
async fn a_cancelled_receive_loses_nothing() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    let sender = tokio::spawn(async move {
        for n in 0..1000 {
            server.send(n.to_string()).await.unwrap();
            tokio::task::yield_now().await;
        }
        server
    });
    let mut expected = 0;
    within("all", async {
        while expected < 1000 {
            tokio::select! {
                biased;
                message = client.recv_text() => {
                    assert_eq!(message.unwrap(), expected.to_string());
                    expected += 1;
                }
                () = tokio::task::yield_now() => {}
            }
        }
    })
    .await;
    drop(sender.await.unwrap());
}

/// Pitfall 28, at its worst moment: the message comes for a receive that is
/// given up before it has looked.
#[tokio::test]
async fn a_message_that_came_for_a_receive_that_was_given_up_goes_to_the_next() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    within("the client", server.wait_for_peers(1))
        .await
        .unwrap();
    for n in 0..100_u64 {
        let mut given_up = Box::pin(client.recv_text());
        assert!((&mut given_up).now_or_never().is_none());
        server.send(n.to_string()).await.unwrap();
        within("it to come", async {
            while client.stats().received_messages <= n {
                tokio::task::yield_now().await;
            }
        })
        .await;
        drop(given_up);
        let next = within("the same message", client.recv_text()).await;
        assert_eq!(next.unwrap(), n.to_string());
    }
}

/// Pitfall 28: of two who wait, the one that was to be woken had left, and the
/// other slept on beside its message.
#[tokio::test]
async fn a_receive_that_was_given_up_is_not_woken_in_place_of_another() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    within("the client", server.wait_for_peers(1))
        .await
        .unwrap();
    for first_is_dropped in [true, false] {
        let mut first = Box::pin(client.recv_text());
        assert!((&mut first).now_or_never().is_none());
        let second = tokio::spawn({
            let client = client.clone();
            async move { client.recv_text().await }
        });
        // There is one thread: the second waits, too.
        tokio::task::yield_now().await;
        let first = (!first_is_dropped).then_some(first);
        server.send("for whoever waits").await.unwrap();
        let got = within("the second", second).await.unwrap().unwrap();
        assert_eq!(got, "for whoever waits");
        drop(first);
    }
}

#[tokio::test]
async fn a_cancelled_send_sends_nothing() {
    let server = Socket::builder()
        .buffer_limits(Limits {
            items: 1,
            bytes: 1 << 20,
        })
        .build()
        .unwrap();
    server.send("sent").await.unwrap();
    for _ in 0..100 {
        assert!(server.send("cancelled").now_or_never().is_none());
    }
    let client = Socket::new().unwrap();
    client
        .connect(server.bind("mem://cancelled-send").await.unwrap())
        .unwrap();
    assert_eq!(within("the first", client.recv()).await.unwrap(), "sent");
    server.send("last").await.unwrap();
    assert_eq!(within("the last", client.recv()).await.unwrap(), "last");
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    let (server, endpoint) = bound().await;
    let client = Socket::new().unwrap();
    client.connect(endpoint.clone()).unwrap();
    client.send("one").await.unwrap();
    assert_eq!(within("one", server.recv()).await.unwrap(), "one");
    server.close(PATIENCE).await;
    drop(server);

    let server = Socket::new().unwrap();
    server.bind(endpoint).await.unwrap();
    within("the client", server.wait_for_peers(1))
        .await
        .unwrap();
    client.send("two").await.unwrap();
    assert_eq!(within("two", server.recv()).await.unwrap(), "two");
}

/// Pitfall 20, between sockets: what waited for a connection that ended goes
/// to the next, and none of it twice.
#[tokio::test]
async fn what_waited_for_a_connection_that_ended_is_not_lost() {
    let (server, endpoint) = bound().await;
    let mut deaf = Raw::connect(&endpoint).await;
    deaf.write(hello_v1(&[1; 16])).await;
    within("the deaf peer", server.wait_for_peers(1))
        .await
        .unwrap();
    // More than the system takes for a connection that is not read.
    let sender = tokio::spawn({
        let server = server.clone();
        async move {
            for n in 0..2000 {
                let mut payload = vec![b' '; 8000];
                payload.extend(format!("{n}").bytes());
                server.send(payload).await.unwrap();
            }
        }
    });
    within("the system to be full", async {
        let mut before = 0;
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = server.stats().sent_messages;
            if now > 0 && now == before {
                break;
            }
            before = now;
        }
    })
    .await;
    drop(deaf);
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    within("the sender", sender).await.unwrap();
    let mut numbers = Vec::new();
    while numbers.last() != Some(&1999) {
        let message = within("a message", client.recv_text()).await.unwrap();
        numbers.push(message.trim().parse::<u32>().unwrap());
    }
    // The system had taken the first ones whole; from there on, none is
    // missing, in order, and none is there twice.
    let first = numbers[0];
    assert!(first < 1999);
    assert_eq!(numbers, (first..2000).collect::<Vec<_>>());
}

/// Pitfall 20: what was on its way from the queue to a connection that ended,
/// and of which no byte had left.
#[tokio::test]
async fn what_no_byte_had_left_of_goes_to_the_next() {
    let (server, deaf) = liveness::joined("no-byte", Socket::builder()).await;
    for n in 0..100 {
        let payload = [format!("{n:02}").as_bytes(), &[0; 10_000]].concat();
        server.send(payload).await.unwrap();
    }
    within("the connection to be full", async {
        while server.stats().sent_messages < 7 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(deaf);
    let client = Socket::new().unwrap();
    client.connect("mem://no-byte").unwrap();
    let mut numbers: Vec<u32> = Vec::new();
    while numbers.last() != Some(&99) {
        let message = within("a message", client.recv()).await.unwrap();
        numbers.push(std::str::from_utf8(&message[..2]).unwrap().parse().unwrap());
    }
    // 64 KiB were under way, of seven messages.
    let first = numbers[0];
    assert!(first <= 7, "{first}");
    assert_eq!(numbers, (first..100).collect::<Vec<_>>());
}
