//! Headers of messages stay with them, wherever the messages wait.

use super::*;
use aiomsg::builder::{Dialect, Dialects, Overflow};
use aiomsg::message::{DropReason, HeaderLimits, Headers};
use aiomsg::{DeliveryGuarantee, Identity, Limits, Outbound, SendMode};

const THEIRS: [u8; 16] = *b"another identity";
const ANNOUNCEMENT: &[u8] = b"\0\0\0\x12\xff\x40aiomsg-headers/1";
const HEADERS: &[u8] = b"\0\0\0\x06\x40\x01n\0\x011";

/// A message, with a header unless its number is odd.
fn message(n: usize) -> Outbound {
    match n % 2 {
        0 => Outbound::new(n.to_string()).header("n", &n.to_string()),
        _ => Outbound::new(n.to_string()),
    }
}

fn headers(n: usize) -> Headers {
    message(n).headers().clone()
}

/// The next messages are these, in their order.
async fn come(socket: &Socket, numbers: impl IntoIterator<Item = usize>) {
    for n in numbers {
        let came = within("a message", socket.recv_message()).await.unwrap();
        assert_eq!(came.payload(), &n.to_string());
        assert_eq!(came.headers(), &headers(n), "message {n}");
    }
}

fn are(messages: &[Outbound], numbers: impl IntoIterator<Item = usize>) {
    let seen = messages
        .iter()
        .map(|it| (it.payload().clone(), it.headers().clone()));
    let expected = numbers
        .into_iter()
        .map(|n| (n.to_string().into(), headers(n)));
    assert!(seen.eq(expected), "{messages:?}");
}

async fn connected(builder: aiomsg::SocketBuilder, endpoint: Endpoint) -> Socket {
    let socket = builder.build().unwrap();
    socket.connect(endpoint).unwrap();
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    socket
}

#[tokio::test]
async fn over_each_transport_in_both_ways_to_send() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("socket");
    for endpoint in [
        "tcp://127.0.0.1:0".to_owned(),
        "mem://headers".to_owned(),
        format!("unix://{}", file.display()),
    ] {
        let server = Socket::new().unwrap();
        let endpoint = server.bind(endpoint).await.unwrap();
        for guarantee in [
            DeliveryGuarantee::AtMostOnce,
            DeliveryGuarantee::AtLeastOnce,
        ] {
            let builder = Socket::builder().delivery_guarantee(guarantee);
            let client = connected(builder, endpoint.clone()).await;
            for n in 0..100 {
                client.send_message(message(n)).await.unwrap();
            }
            come(&server, 0..100).await;
            // And back, to its address.
            for n in 0..100 {
                let answer = message(n).to(client.identity().clone());
                server.send_message(answer).await.unwrap();
            }
            come(&client, 0..100).await;
            assert!(within("close", client.close(PATIENCE)).await.is_clean());
        }
    }
}

#[tokio::test]
async fn in_the_buffer_and_in_the_mailbox_of_one_that_comes_later() {
    let (server, endpoint) = bound().await;
    let identity = Identity::from(THEIRS);
    for n in 0..10 {
        server.send_message(message(n)).await.unwrap();
        let addressed = message(n).to(identity.clone());
        server.send_message(addressed).await.unwrap();
    }
    let client = connected(Socket::builder().identity(THEIRS), endpoint).await;
    let mut seen = Vec::new();
    for _ in 0..20 {
        let came = within("a message", client.recv_message()).await.unwrap();
        let n: usize = std::str::from_utf8(came.payload())
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(came.headers(), &headers(n));
        seen.push(n);
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq((0..10).flat_map(|n| [n, n])));
}

#[tokio::test]
async fn on_each_copy_of_a_published_message() {
    let publisher = Socket::builder()
        .send_mode(SendMode::Publish)
        .build()
        .unwrap();
    let endpoint = publisher.bind("127.0.0.1:0").await.unwrap();
    let mut subscribers = Vec::new();
    for _ in 0..3 {
        subscribers.push(connected(Socket::builder(), endpoint.clone()).await);
    }
    within("all", publisher.wait_for_peers(3)).await.unwrap();
    for n in 0..10 {
        publisher.send_message(message(n)).await.unwrap();
    }
    for subscriber in &subscribers {
        come(subscriber, 0..10).await;
    }
}

/// On a new connection the type is announced anew, and the id is the same.
#[tokio::test]
async fn when_a_message_is_sent_again() {
    let socket = Socket::builder().at_least_once().build().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let message = Outbound::new("hi").header("n", "1");
    let sending = tokio::spawn({
        let socket = socket.clone();
        async move { socket.send_message(message.until_acked()).await }
    });
    let mut ids = Vec::new();
    for at in 0..2 {
        let mut peer = Raw::connect(&endpoint).await;
        peer.write(hello_v1(&[at; 16])).await;
        let mut hello = [0; 22];
        peer.0.read_exact(&mut hello).await.unwrap();
        peer.expect([ANNOUNCEMENT, HEADERS].concat()).await;
        let mut request = [0; 23];
        within("it", peer.0.read_exact(&mut request)).await.unwrap();
        assert_eq!(
            (&request[..5], &request[21..]),
            (&b"\0\0\0\x13\x04"[..], &b"hi"[..])
        );
        ids.push(request[5..21].to_vec());
        if at == 1 {
            peer.write([b"\0\0\0\x11\x05", &request[5..21]].concat())
                .await;
            within("it", sending).await.unwrap().unwrap();
            return assert_eq!(ids[0], ids[1]);
        }
    }
}

/// At-most-once: what did not leave whole goes to the next peer.
#[tokio::test]
async fn of_what_waited_for_a_connection_that_died() {
    let (server, endpoint) = bound().await;
    let mut deaf = Raw::connect(&endpoint).await;
    deaf.write(hello_v1(&THEIRS)).await;
    within("the peer", server.wait_for_peers(1)).await.unwrap();
    let big =
        |n: usize| message(n).with_payload([n.to_string().into_bytes(), vec![0; 1 << 20]].concat());
    for n in 0..12 {
        within("room", server.send_message(big(n))).await.unwrap();
    }
    drop(deaf);
    let next = connected(Socket::builder(), endpoint).await;
    let mut came = 0;
    while came < 6 {
        let message = within("a message", next.recv_message()).await.unwrap();
        let end = message.payload().iter().position(|it| *it == 0).unwrap();
        let n: usize = std::str::from_utf8(&message.payload()[..end])
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(message.headers(), &headers(n));
        came += 1;
        if n == 11 {
            break;
        }
    }
    assert!(came > 0);
}

#[tokio::test]
async fn of_messages_that_come_back() {
    // Unsent, and unacknowledged.
    let socket = Socket::new().unwrap();
    for n in 0..4 {
        socket.send_message(message(n)).await.unwrap();
    }
    are(&within("close", socket.close(PATIENCE)).await.unsent, 0..4);
    let mut error = socket.send_message(message(8)).await.unwrap_err();
    are(&[error.take_message().unwrap()], [8]);

    let socket = Socket::builder().at_least_once().build().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let mut mute = Raw::connect(&endpoint).await;
    mute.write(hello_v1(&THEIRS)).await;
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    for n in 0..4 {
        socket.send_message(message(n)).await.unwrap();
    }
    let report = within("close", socket.close(Duration::from_millis(100))).await;
    are(&report.unacknowledged, 0..4);

    // Too large, and dropped.
    let socket = Socket::builder()
        .max_message_size(3)
        .buffer_limits(Limits {
            items: 2,
            bytes: 1 << 20,
        })
        .overflow(Overflow::DropOldest)
        .build()
        .unwrap();
    let mut events = socket.events();
    let mut error = socket.send_message(message(1000)).await.unwrap_err();
    assert!(error.is_too_large());
    are(&[error.take_message().unwrap()], [1000]);
    for n in 0..3 {
        socket.send_message(message(n)).await.unwrap();
    }
    let dropped = event(&mut events, "the drop", |event| match event {
        Event::Dropped { message, .. } => Some(message),
        _ => None,
    });
    are(&[dropped.await], [0]);
}

#[tokio::test]
async fn that_cannot_be_sent_are_named() {
    let limits = HeaderLimits {
        count: 2,
        bytes: 20,
    };
    let socket = Socket::builder().header_limits(limits).build().unwrap();
    let good = Outbound::new("x").header("a", "1").header("b", "2");
    socket.send_message(good.clone()).await.unwrap();
    for (bad, word) in [
        (
            good.clone().header("c", ""),
            "they are 3, where they are at most 2",
        ),
        (
            good.clone().header("a", &"x".repeat(20)),
            "they have 29 bytes",
        ),
    ] {
        let mut error = socket.send_message(bad).await.unwrap_err();
        assert!(error.is_too_large());
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.take_message().unwrap().payload(), "x");
    }
    let error = socket
        .send_message(good.header("two words", ""))
        .await
        .unwrap_err();
    assert!(error.is_config());
    assert!(error.to_string().contains("\"two words\""), "{error}");
}

/// Its peer is disconnected, with the reason, and no other one.
#[tokio::test]
async fn beyond_the_limits_end_the_connection() {
    let (socket, endpoint) = bound().await;
    let mut events = socket.events();
    let good = connected(Socket::builder(), endpoint.clone()).await;
    let limits = HeaderLimits {
        count: 40,
        ..HeaderLimits::default()
    };
    let many = connected(Socket::builder().header_limits(limits), endpoint).await;
    let mut message = Outbound::new("x");
    for n in 0..33 {
        message = message.header(&format!("n{n}"), "");
    }
    many.send_message(message).await.unwrap();
    let reason = event(&mut events, "the end", |event| match event {
        Event::PeerDown { peer, reason, .. } if peer.identity == *many.identity() => Some(reason),
        _ => None,
    });
    let reason = format!("{:?}", reason.await);
    assert!(
        reason.contains("they are 33, where they are at most 32"),
        "{reason}"
    );
    good.send_message(self::message(0)).await.unwrap();
    come(&socket, [0]).await;
}

#[tokio::test]
async fn a_peer_of_2019_gets_messages_without_them_or_does_not_get_them() {
    for required in [false, true] {
        let socket = Socket::builder().require_headers(required).build().unwrap();
        let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
        let mut events = socket.events();
        let old = Socket::builder().dialects(Dialects::Only(Dialect::V2019));
        let old = connected(old, endpoint).await;
        for n in 0..4 {
            socket.send_message(message(n)).await.unwrap();
        }
        if !required {
            for n in 0..4 {
                let came = within("a message", old.recv_message()).await.unwrap();
                assert_eq!(came.payload(), &n.to_string());
                assert!(came.headers().is_empty());
            }
            assert_eq!(socket.stats().headers_left_out, 2);
            continue;
        }
        come(&old, [1, 3]).await;
        for n in [0, 2] {
            let (dropped, reason) = event(&mut events, "the drop", |event| match event {
                Event::Dropped { message, reason } => Some((message, reason)),
                _ => None,
            })
            .await;
            assert_eq!(reason, DropReason::NoHeaders);
            are(&[dropped], [n]);
        }
        assert_eq!(socket.stats().headers_left_out, 0);
    }
}

/// A handler sees them, and a socket forwards them.
#[tokio::test]
async fn of_messages_that_are_served_and_forwarded() {
    use futures::StreamExt;

    let (frontend, endpoint) = bound().await;
    let backend = Socket::builder()
        .send_mode(SendMode::RoundRobin)
        .build()
        .unwrap();
    let behind = backend.bind("127.0.0.1:0").await.unwrap();
    let relay = frontend.deliveries().map(Ok).forward(backend.clone());
    let relay = tokio::spawn(relay);
    let worker = connected(Socket::builder(), behind).await;
    let served = tokio::spawn({
        let (seen, mut numbers) = tokio::sync::mpsc::channel(20);
        let serving = worker.serve(move |job: aiomsg::Delivery| {
            let seen = seen.clone();
            async move {
                let _ = seen.send(job).await;
                Ok::<_, aiomsg::Error>(())
            }
        });
        let serving = tokio::spawn(serving.into_future());
        async move {
            for n in 0..10 {
                let job: aiomsg::Delivery = numbers.recv().await.unwrap();
                assert_eq!(job.headers(), &headers(n));
            }
            serving.abort();
        }
    });
    let client = connected(Socket::builder(), endpoint).await;
    for n in 0..10 {
        client.send_message(message(n)).await.unwrap();
    }
    within("all", served).await.unwrap();
    relay.abort();
}

/// At least once, with a receiver that ends again and again.
#[tokio::test]
async fn of_messages_at_least_once_through_cut_connections() {
    const COUNT: usize = 2000;
    let (mut server, endpoint) = bound().await;
    let client = Socket::builder().at_least_once().build().unwrap();
    client.connect(endpoint.clone()).unwrap();
    let sending = async {
        for n in 0..COUNT {
            client.send_message(message(n)).await.unwrap();
        }
    };
    let receiving = async {
        let mut missing: std::collections::BTreeSet<usize> = (0..COUNT).collect();
        while !missing.is_empty() {
            let came = within("a message", server.recv_message()).await.unwrap();
            let text = std::str::from_utf8(came.payload()).unwrap();
            let n: usize = text.parse().unwrap();
            assert_eq!(came.headers(), &headers(n), "message {n}");
            if missing.remove(&n) && missing.len().is_multiple_of(500) && !missing.is_empty() {
                let next = Socket::new().unwrap();
                // What has arrived was acknowledged.
                server.close(Duration::ZERO).await;
                while let Ok(came) = server.recv_message().await {
                    let text = std::str::from_utf8(came.payload()).unwrap();
                    let n: usize = text.parse().unwrap();
                    assert_eq!(came.headers(), &headers(n), "message {n}");
                    missing.remove(&n);
                }
                next.bind(endpoint.clone()).await.unwrap();
                server = next;
            }
        }
    };
    tokio::join!(sending, receiving);
}
