//! Two connections with one identity.

use super::*;
use aiomsg::Identity;
use futures::FutureExt;

const NAME: [u8; 16] = *b"the same name as";

fn named() -> Socket {
    Socket::builder().identity(NAME).build().unwrap()
}

/// Pitfall 12: a refused duplicate was not closed, and sent into nothing.
#[tokio::test]
async fn a_duplicate_of_a_living_peer_is_refused_and_closed() {
    let (server, endpoint) = bound().await;
    let mut events = server.events();
    let first = Socket::builder()
        .identity(NAME)
        .heartbeat_interval(Duration::from_millis(100))
        .build()
        .unwrap();
    first.connect(endpoint.clone()).unwrap();
    within("the first", server.wait_for_peers(1)).await.unwrap();
    let mut second = Raw::connect(&endpoint).await;
    second.write(hello_v1(&NAME)).await;
    let error = event(&mut events, "the refusal", |event| match event {
        Event::AcceptFailed { error, .. } => Some(error),
        _ => None,
    })
    .await;
    assert!(error.is_identity_in_use(), "{error}");
    assert_eq!(error.peer(), Some(&Identity::from(NAME)));
    assert_eq!(second.closed().await, 22, "our HELLO, and the end");
    first.send("alive").await.unwrap();
    assert_eq!(within("a message", server.recv()).await.unwrap(), "alive");
}

/// Pitfall 11: a peer that died half-open kept its identity occupied.
#[tokio::test(start_paused = true)]
async fn a_peer_that_returns_takes_the_place_of_its_dead_connection() {
    let (server, endpoint) = bound().await;
    let mut events = server.events();
    let mut dead = Raw::connect(&endpoint).await;
    dead.write(hello_v1(&NAME)).await;
    within("the first", server.wait_for_peers(1)).await.unwrap();
    // It is silent, and its connection stays open.
    let back = named();
    back.connect(endpoint).unwrap();
    back.send("here I am again").await.unwrap();
    assert_eq!(
        within("a message", server.recv()).await.unwrap(),
        "here I am again"
    );
    let reason = event(&mut events, "the end of the first", |event| match event {
        Event::PeerDown { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert!(reason.to_string().contains("took its place"), "{reason}");
    server
        .send_to(Identity::from(NAME), "welcome")
        .await
        .unwrap();
    assert_eq!(within("a reply", back.recv()).await.unwrap(), "welcome");
}

/// A peer that ends in good order and comes back is let in at once.
#[tokio::test]
async fn a_peer_that_was_killed_and_comes_back_gets_in() {
    let (server, endpoint) = bound().await;
    for n in 0..10 {
        let mut peer = Raw::connect(&endpoint).await;
        peer.write(hello_v1(&NAME)).await;
        peer.write(b"\0\0\0\x02\x03x").await;
        within("its message", server.recv()).await.unwrap();
        server
            .send_to(Identity::from(NAME), n.to_string())
            .await
            .unwrap();
        let mut hello = [0; 22];
        peer.0.read_exact(&mut hello).await.unwrap();
        let expected = [&b"\0\0\0\x02\x03"[..], n.to_string().as_bytes()].concat();
        peer.expect(expected).await;
    }
}

/// Two sockets that connect to each other end up with one connection, at once.
#[tokio::test]
async fn two_sockets_that_connect_to_each_other() {
    for _ in 0..10 {
        let ((a, at_a), (b, at_b)) = (bound().await, bound().await);
        a.connect(at_b).unwrap();
        b.connect(at_a).unwrap();
        a.send("to b").await.unwrap();
        b.send("to a").await.unwrap();
        let settled = async {
            loop {
                let (to_b, to_a) = (a.peers(), b.peers());
                if let ([to_b], [to_a]) = (&to_b[..], &to_a[..])
                    && to_b.dialled != to_a.dialled
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let quick = tokio::time::timeout(Duration::from_secs(4), settled);
        quick.await.expect("one connection, the same at both ends");
    }
}

/// Of two connections that were made at the same time, the one that is given up
/// may have carried messages in its first moments. Both processes live, and yet
/// these were lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sockets_that_connect_to_each_other_lose_nothing() {
    const COUNT: usize = 100;
    for _ in 0..20 {
        let ((a, at_a), (b, at_b)) = (bound().await, bound().await);
        a.connect(at_b).unwrap();
        b.connect(at_a).unwrap();
        let send = |from: Socket| async move {
            for n in 0..COUNT {
                from.send(n.to_string()).await.unwrap();
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        };
        let receive = |to: Socket| async move {
            for n in 0..COUNT {
                let message = within("a message", to.recv_text()).await.unwrap();
                assert_eq!(message, n.to_string(), "in order");
            }
        };
        let tasks = [
            tokio::spawn(send(a.clone())),
            tokio::spawn(send(b.clone())),
            tokio::spawn(receive(a.clone())),
            tokio::spawn(receive(b.clone())),
        ];
        for task in tasks {
            task.await.unwrap();
        }
    }
}

/// The same with many messages, whatever the guarantee and the order of the
/// identities, and with dialects that are fixed, where each end tells who it is
/// before it knows the other. `AIOMSG_MUTUAL_RUNS=20` has each run so many times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sockets_that_connect_to_each_other_lose_none_of_many() {
    use aiomsg::DeliveryGuarantee;
    use aiomsg::builder::{Dialect, Dialects};

    const COUNT: usize = 6000;
    let runs = std::env::var("AIOMSG_MUTUAL_RUNS").map_or(1, |runs| runs.parse().unwrap());
    let dialects = [
        Dialects::default(),
        Dialects::Only(Dialect::V1),
        Dialects::Only(Dialect::V2019),
    ];
    for n in 0..runs * 12 {
        let guarantee = match n % 2 {
            0 => DeliveryGuarantee::AtMostOnce,
            _ => DeliveryGuarantee::AtLeastOnce,
        };
        let socket = |identity: u8| {
            Socket::builder()
                .identity([identity; 16])
                .delivery_guarantee(guarantee)
                .dialects(dialects[n / 4 % 3])
                .build()
                .unwrap()
        };
        let names = [[1, 9], [9, 1]][n / 2 % 2];
        let (a, b) = (socket(names[0]), socket(names[1]));
        let at_a = a.bind("127.0.0.1:0").await.unwrap();
        let at_b = b.bind("127.0.0.1:0").await.unwrap();
        a.connect(at_b).unwrap();
        b.connect(at_a).unwrap();
        let start = tokio::time::Instant::now();
        let send = async |from: &Socket| {
            for n in 0..COUNT {
                from.send(n.to_string()).await.unwrap();
            }
        };
        let receive = async |to: &Socket| {
            let mut got = std::collections::HashSet::new();
            while got.len() < COUNT {
                got.insert(within("a message", to.recv()).await.unwrap());
            }
        };
        tokio::join!(send(&a), send(&b), receive(&a), receive(&b));
        assert!(start.elapsed() < Duration::from_secs(5), "{n}");
        let (report, other) = tokio::join!(a.close(PATIENCE), b.close(PATIENCE));
        assert!(report.is_clean() && other.is_clean(), "{n}: {report:?}");
    }
}

/// A peer that keeps the connection that it has let in first, and leaves the other
/// one open without a word, as the Python libraries do. Ours gave up the one that the
/// peer has, and sent into the other one.
#[tokio::test]
async fn a_peer_that_keeps_the_first_connection_is_not_told_by_another() {
    for theirs in [[0x11; 16], [0x99; 16]] {
        let socket = Socket::builder().identity([0x55; 16]).build().unwrap();
        let at = socket.bind("127.0.0.1:0").await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        socket.connect(listener.local_addr().unwrap()).unwrap();
        let mut first = Raw(within("the socket", listener.accept()).await.unwrap().0);
        first.write(hello_v1(&theirs)).await;
        first.expect(hello_v1(&[0x55; 16])).await;

        let mut second = Raw::connect(&at).await;
        second.write(hello_v1(&theirs)).await;
        second.write(b"\0\0\0\x02\x03x").await;
        let start = tokio::time::Instant::now();
        socket.send("by the first").await.unwrap();
        // It is probed, as the other one wants its place.
        first.expect(b"\0\0\0\x01\x02").await;
        first.expect(b"\0\0\0\x0d\x03by the first").await;
        assert!(start.elapsed() < Duration::from_secs(1));
        let told = second.0.peek(&mut [0]).now_or_never();
        assert!(told.is_none(), "{told:?}");
        first.write(b"\0\0\0\x01\x02").await;
        assert_eq!(second.closed().await, 22, "our HELLO, and the end");
        assert_eq!(socket.stats().received_messages, 0, "it was not let in");
        assert!(socket.peers()[0].dialled);
    }
}

/// A stranger who dialled us under the smaller identity of a living peer that we had
/// dialled a moment ago took its place, and what it sent right behind its handshake
/// was received before that.
#[tokio::test]
async fn a_stranger_takes_no_living_peers_place() {
    let (peer, at_peer) = bound().await;
    let socket = Socket::builder().identity([0xff; 16]).build().unwrap();
    let at = socket.bind("127.0.0.1:0").await.unwrap();
    socket.connect(at_peer).unwrap();
    within("the peer", socket.wait_for_peers(1)).await.unwrap();
    let name: [u8; 16] = peer.identity().as_bytes().try_into().unwrap();
    // One says all at once, and one first waits to hear who we are.
    for probes in [false, true] {
        let mut stranger = Raw::connect(&at).await;
        if probes {
            stranger.write([0; 3]).await;
            stranger.expect(hello_v1(&[0xff; 16])).await;
        }
        let hello = hello_v1(&name);
        stranger.write(&hello[if probes { 3 } else { 0 }..]).await;
        stranger.write(b"\0\0\0\x07\x03stolen").await;
        let lives = async {
            loop {
                peer.send("alive").await.unwrap();
                assert_eq!(within("a message", socket.recv()).await.unwrap(), "alive");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            _ = stranger.closed() => {}
            () = lives => {}
        }
    }
    let peers = socket.peers();
    assert!(peers.len() == 1 && peers[0].dialled, "{peers:?}");
    socket.send("to the peer").await.unwrap();
    assert_eq!(
        within("a message", peer.recv()).await.unwrap(),
        "to the peer"
    );
}

#[tokio::test]
async fn a_socket_does_not_connect_to_itself() {
    let (socket, endpoint) = bound().await;
    let mut events = socket.events();
    socket.connect(endpoint).unwrap();
    let error = event(&mut events, "the refusal", |event| match event {
        Event::DialFailed { error, .. } => Some(error),
        _ => None,
    })
    .await;
    assert!(error.to_string().contains("itself"), "{error}");
}
