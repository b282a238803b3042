//! Two connections with one identity.

use super::*;
use aiomsg::Identity;

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
