//! Bad input gets a clear error, and nothing else suffers.

use super::*;
use std::sync::Arc;

use aiomsg::Error;

pub(crate) async fn refused(events: &mut Events) -> Arc<Error> {
    event(events, "a refusal", |event| match event {
        Event::AcceptFailed { error, .. } => Some(error),
        _ => None,
    })
    .await
}

pub(crate) async fn dial_failed(events: &mut Events) -> Arc<Error> {
    event(events, "a failed try", |event| match event {
        Event::DialFailed { error, .. } => Some(error),
        _ => None,
    })
    .await
}

/// A server with a client whose messages must go on arriving.
struct Good {
    server: Socket,
    client: Socket,
    endpoint: Endpoint,
    events: Events,
}

impl Good {
    async fn start() -> Self {
        let (server, endpoint) = bound().await;
        let events = server.events();
        let client = Socket::new().unwrap();
        client.connect(endpoint.clone()).unwrap();
        within("the client", server.wait_for_peers(1))
            .await
            .unwrap();
        Self {
            server,
            client,
            endpoint,
            events,
        }
    }

    async fn is_unharmed(&self) {
        self.client.send("still here").await.unwrap();
        let message = within("the good peer's", self.server.recv()).await.unwrap();
        assert_eq!(message, "still here");
        self.server
            .send_to(self.client.identity().clone(), "so am I")
            .await
            .unwrap();
        assert_eq!(
            within("the reply", self.client.recv()).await.unwrap(),
            "so am I"
        );
    }
}

#[tokio::test]
async fn bytes_that_are_no_handshake() {
    let mut good = Good::start().await;
    for (bytes, word) in [
        (&b"garbage, more garbage"[..], "not those of an aiomsg peer"),
        (b"GET / HTTP/1.1\r\n\r\n", "http"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc", "tls"),
        (b"\0\0\0\x12\x01\x09", "version 9"),
        (b"\0\0\0\0", "empty"),
        (b"\0\xff\xff\xff", "at most 255"),
        (b"\xff\xff\xff\xff", "not those of an aiomsg peer"),
    ] {
        let mut bad = Raw::connect(&good.endpoint).await;
        bad.write(bytes).await;
        let error = refused(&mut good.events).await;
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.endpoint(), Some(&good.endpoint));
        bad.closed().await;
        good.is_unharmed().await;
    }
}

#[tokio::test]
async fn frames_that_are_broken_or_too_large() {
    let mut good = Good::start().await;
    for (frame, word) in [
        (&b"\xff\xff\xff\xff"[..], "4294967295 bytes"),
        (b"\0\0\0\0", "without a type"),
        (b"\0\0\0\x03\x04ab", "too short"),
    ] {
        let mut bad = Raw::connect(&good.endpoint).await;
        bad.write(hello_v1(&[7; 16])).await;
        bad.write(b"\0\0\0\x05\x03good").await;
        bad.write(frame).await;
        let reason = event(&mut good.events, "the end", |event| match event {
            Event::PeerDown { reason, .. } => Some(reason),
            _ => None,
        })
        .await;
        assert!(reason.to_string().contains(word), "{reason}");
        assert_eq!(
            reason.peer().map(aiomsg::Identity::as_bytes),
            Some(&[7; 16][..])
        );
        assert_eq!(
            within("what came before", good.server.recv())
                .await
                .unwrap(),
            "good"
        );
        bad.closed().await;
        good.is_unharmed().await;
    }
}

/// Pitfall 13: no timeout around the identity exchange.
#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_dropped_in_time() {
    let server = Socket::new().unwrap();
    let mut events = server.events();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut silent = Raw::connect(&endpoint).await;
    let error = refused(&mut events).await;
    assert!(error.is_timeout(), "{error}");
    assert_eq!(silent.closed().await, 22, "our HELLO, as it let us begin");
}

/// Pitfall 13, the other way: a server that accepts and says nothing.
#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_left_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Socket::new().unwrap();
    let mut events = client.events();
    client.connect(listener.local_addr().unwrap()).unwrap();
    let (_silent, _) = listener.accept().await.unwrap();
    let error = dial_failed(&mut events).await;
    assert!(error.is_timeout(), "{error}");
}

/// Pitfall 13: a byte now and then kept a handshake going for ever.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_drips_is_ended_in_time() {
    let server = Socket::new().unwrap();
    let mut events = server.events();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut peer = Raw::connect(&endpoint).await;
    let start = tokio::time::Instant::now();
    let drip = async {
        for byte in hello_2019(&[7; 255]) {
            peer.write([byte]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        error = refused(&mut events) => assert!(error.is_timeout(), "{error}"),
        () = drip => panic!("it was let to drip"),
    }
    assert!(start.elapsed() < Duration::from_secs(12));
}

/// Pitfall 14: unbounded pending handshakes. The oldest silent one makes room.
#[tokio::test]
async fn silent_peers_do_not_keep_good_ones_out() {
    let server = Socket::builder().max_pending_handshakes(5).build().unwrap();
    let mut events = server.events();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(Raw::connect(&endpoint).await);
    }
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    within("the good peer", server.wait_for_peers(1))
        .await
        .unwrap();
    let error = refused(&mut events).await;
    assert!(error.is_limit(), "{error}");
}

/// A flood from one address costs that address its places, and nobody else's
/// handshake.
#[tokio::test]
async fn one_address_does_not_take_all_places() {
    let server = Socket::builder()
        .max_pending_handshakes(100)
        .max_pending_handshakes_per_address(5)
        .build()
        .unwrap();
    let mut events = server.events();
    let endpoint = server.bind("tcp://0.0.0.0:0").await.unwrap();
    let port = endpoint.port().unwrap();
    // Another address of the same machine.
    let mut other = Raw(TcpStream::connect(("127.0.0.2", port)).await.unwrap());
    let bound = tokio::net::TcpSocket::new_v4().unwrap();
    bound.bind(([127, 0, 0, 3], 0).into()).unwrap();
    let from_3 = bound.connect(([127, 0, 0, 1], port).into()).await.unwrap();
    let mut from_3 = Raw(from_3);
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(Raw(TcpStream::connect(("127.0.0.1", port)).await.unwrap()));
    }
    for _ in 0..45 {
        let error = refused(&mut events).await;
        assert!(error.is_limit(), "{error}");
        assert!(error.to_string().contains("with this address"), "{error}");
    }
    for (peer, identity) in [(&mut other, [1; 16]), (&mut from_3, [2; 16])] {
        peer.write(hello_v1(&identity)).await;
    }
    within("both", server.wait_for_peers(1)).await.unwrap();
    let peer = within("the first", async {
        loop {
            if let Some(peer) = server.peer(&[2; 16].into()) {
                return peer;
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(peer.await.remote.to_string().starts_with("127.0.0.3:"));
}

/// Strangers in great number do not push out of the events what else happens.
#[tokio::test]
async fn a_flood_of_refusals_leaves_room_for_other_events() {
    const FLOOD: usize = 200;
    let server = Socket::builder().event_capacity(16).build().unwrap();
    let mut events = server.events();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let client = Socket::new().unwrap();
    client.connect(endpoint.clone()).unwrap();
    within("the good peer", server.wait_for_peers(1))
        .await
        .unwrap();
    let hearing = tokio::spawn(async move {
        let (mut up, mut told, mut omitted) = (false, 0, 0);
        while told + omitted <= FLOOD as u64 {
            match events.next().await.unwrap() {
                Event::PeerUp { .. } => up = true,
                Event::AcceptFailed { .. } => told += 1,
                Event::AcceptFailuresOmitted { count } => omitted += count,
                Event::Missed { count } => panic!("{count} events were pushed out"),
                _ => {}
            }
        }
        (up, told, omitted)
    });
    for _ in 0..FLOOD {
        let mut bad = Raw::connect(&endpoint).await;
        bad.write(b"garbage").await;
        bad.closed().await;
    }
    // Those of the last second are told of before the next event after it.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    drop(Raw::connect(&endpoint).await);
    let (up, told, omitted) = within("all of them", hearing).await.unwrap();
    let total = told + omitted;
    assert!(up);
    assert_eq!(total, FLOOD as u64 + 1);
    assert!(omitted > told, "4 are told of in a second");
    assert_eq!(server.stats().failed_connections, total);
}

#[tokio::test]
async fn an_address_in_use() {
    let (_server, endpoint) = bound().await;
    let other = Socket::new().unwrap();
    let error = other.bind(endpoint.clone()).await.unwrap_err();
    assert!(error.is_io());
    assert_eq!(error.io().unwrap().kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(error.endpoint(), Some(&endpoint));
}

#[tokio::test]
async fn names_and_addresses_that_are_none() {
    let socket = Socket::new().unwrap();
    let mut events = socket.events();
    socket.connect("no-such-host.invalid:25000").unwrap();
    let error = dial_failed(&mut events).await;
    assert!(error.is_address(), "{error}");
    assert!(
        error.to_string().contains("no-such-host.invalid"),
        "{error}"
    );

    let error = socket.bind("no-such-host.invalid:25000").await.unwrap_err();
    assert!(error.is_address(), "{error}");
    let error = socket.connect("localhost").unwrap_err();
    assert!(error.is_address(), "{error}");
    assert!(socket.connect("localhost:0").unwrap_err().is_address());
    assert!(socket.connect("tls://localhost:1").unwrap_err().is_config());
}

#[tokio::test]
async fn messages_over_the_limit() {
    let server = Socket::builder().max_message_size(1000).build().unwrap();
    let endpoint = server.bind("mem://over-the-limit").await.unwrap();
    let mut error = server.send(vec![0; 1001]).await.unwrap_err();
    assert!(error.is_too_large());
    assert_eq!(error.take_message().unwrap().payload().len(), 1001);

    let mut events = server.events();
    let client = Socket::new().unwrap();
    client.connect(endpoint).unwrap();
    client.send(vec![0; 1000]).await.unwrap();
    assert_eq!(
        within("a message", server.recv()).await.unwrap().len(),
        1000
    );
    client.send(vec![0; 5000]).await.unwrap();
    let reason = event(&mut events, "the end", |event| match event {
        Event::PeerDown { reason, .. } => Some(reason),
        _ => None,
    })
    .await;
    assert!(reason.is_too_large(), "{reason}");
}
