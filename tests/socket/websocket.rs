//! Peers that connect by WebSocket, beside raw ones.

use super::*;

use aiomsg::builder::{Dialect, Dialects};
use aiomsg::stats::FailureKind;
use aiomsg::websocket::WebSocketGuard;
use aiomsg::{AckMode, SendMode};
use futures::future::join_all;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn open() -> WebSocketGuard {
    WebSocketGuard::new()
}

fn ws(endpoint: &Endpoint) -> String {
    format!("ws://127.0.0.1:{}/", endpoint.port().unwrap())
}

/// Reads the head of an answer.
async fn head(peer: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(peer.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn one_publish_reaches_raw_peers_of_both_dialects_tls_peers_and_websockets() {
    let (_directory, tls) = tls::certificate();
    let board = Socket::builder()
        .send_mode(SendMode::Publish)
        .tls(tls.clone())
        .websocket(open())
        .build()
        .unwrap();
    let plain = board.bind("127.0.0.1:0").await.unwrap();
    let secured = board.bind("tls://localhost:0").await.unwrap();
    let wss = format!("wss://localhost:{}/", secured.port().unwrap());
    let mut peers = Vec::new();
    for target in [plain.to_string(), ws(&plain), secured.to_string(), wss] {
        for dialects in [
            Dialects::default(),
            Dialects::Only(Dialect::V1),
            Dialects::Only(Dialect::V2019),
        ] {
            let peer = Socket::builder()
                .dialects(dialects)
                .tls(tls.clone())
                .build()
                .unwrap();
            peer.connect(&target).unwrap();
            peers.push(peer);
        }
    }
    within("all", board.wait_for_peers(peers.len()))
        .await
        .unwrap();
    board.send("news").await.unwrap();
    for peer in &peers {
        assert_eq!(within("the news", peer.recv()).await.unwrap(), "news");
        peer.send("thanks").await.unwrap();
    }
    for _ in &peers {
        assert_eq!(within("thanks", board.recv()).await.unwrap(), "thanks");
    }
}

#[tokio::test]
async fn a_socket_of_one_dialect_meets_websockets_as_well() {
    for dialect in [Dialect::V1, Dialect::V2019] {
        let server = Socket::builder()
            .dialects(Dialects::Only(dialect))
            .websocket(open())
            .build()
            .unwrap();
        let endpoint = server.bind("127.0.0.1:0").await.unwrap();
        for target in [endpoint.to_string(), ws(&endpoint)] {
            let client = Socket::new().unwrap();
            client.connect(&target).unwrap();
            client.send(target.clone()).await.unwrap();
            assert_eq!(within("it", server.recv()).await.unwrap(), target);
            client.close(PATIENCE).await;
        }
    }
}

/// What was sent and not acknowledged when a server is gone comes to the next one.
#[tokio::test]
async fn at_least_once_over_websocket_survives_a_server_that_starts_again() {
    const MESSAGES: u32 = 2000;
    let start = |port: u16| async move {
        // What waits in its inbox as it ends is not acknowledged.
        let server = Socket::builder()
            .websocket(open())
            .ack_mode(AckMode::Handled)
            .build()
            .unwrap();
        let endpoint = server.bind(format!("127.0.0.1:{port}")).await.unwrap();
        (server, endpoint)
    };
    let (mut server, endpoint) = start(0).await;
    let client = Socket::builder()
        .at_least_once()
        .reconnect_delay(|_| Duration::from_millis(20))
        .build()
        .unwrap();
    client.connect(ws(&endpoint)).unwrap();
    for at in 0..MESSAGES {
        client.send(at.to_string()).await.unwrap();
    }
    let mut missing: std::collections::BTreeSet<u32> = (0..MESSAGES).collect();
    let mut came = 0;
    while !missing.is_empty() {
        let message = within("the next", server.recv_message()).await.unwrap();
        let text = std::str::from_utf8(message.payload()).unwrap();
        missing.remove(&text.parse().unwrap());
        message.ack();
        came += 1;
        if came % 700 == 0 && came < 2000 {
            // What is on its way to it is lost with it.
            server.close(Duration::ZERO).await;
            (server, _) = start(endpoint.port().unwrap()).await;
        }
    }
    // Those that came twice are acknowledged, too.
    let rest = async {
        while let Ok(message) = server.recv_message().await {
            message.ack();
        }
    };
    let report = tokio::select! {
        report = client.close(PATIENCE) => report,
        () = rest => unreachable!("the server is not closed"),
    };
    assert!(report.is_clean(), "{report:?}");
}

#[tokio::test]
async fn a_message_of_64_mebibytes_passes_both_ways() {
    let server = Socket::builder().websocket(open()).build().unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let client = Socket::new().unwrap();
    client.connect(ws(&endpoint)).unwrap();
    let large = bytes::Bytes::from(vec![7; (64 << 20) - 64]);
    client.send(large.clone()).await.unwrap();
    let (from, came) = within("it", server.recv_identity()).await.unwrap();
    assert!(came == large);
    server.send_to(from, came).await.unwrap();
    assert!(within("it", client.recv()).await.unwrap() == large);
}

#[tokio::test]
async fn a_thousand_requests_of_garbage_hold_up_nobody() {
    let server = Socket::builder().websocket(open()).build().unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let port = endpoint.port().unwrap();
    let bad = |at: usize| async move {
        let mut peer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let upgraded = |behind: &[u8]| [REQUEST, b"\r\n", behind].concat();
        let text = match at % 11 {
            0 => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            1 => b"GET".to_vec(),
            2 => b"GET / HTTP/9.9\r\nUpgrade: \0\r\n\r\n".to_vec(),
            3 => b"GET /\xff\xfe HTTP/1.1\r\n\r\n".to_vec(),
            4 => b"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n".to_vec(),
            5 => REQUEST.to_vec(),
            6 => b"DELETE".to_vec(),
            7 => [b"GET / HTTP/1.1\r\nA: ", &[b'a'; 10_000][..]].concat(),
            // An upgrade, and then garbage: a frame that is none, the bytes of a peer that is
            // none, and a frame that never comes to its end.
            8 => upgraded(b"garbage"),
            9 => upgraded(b"\x82\x84\0\0\0\0\xff\xff\xff\xff"),
            _ => upgraded(b"\x82\xff\0\0\0\xff\0\0\0\0\0\0\0\0\0\0\0"),
        };
        let _ = peer.write_all(&text).await;
        if at.is_multiple_of(3) {
            let mut answer = [0; 4096];
            let _ = tokio::time::timeout(Duration::from_millis(50), peer.read(&mut answer)).await;
        }
    };
    let good = |at: usize| {
        let target = if at.is_multiple_of(2) {
            ws(&endpoint)
        } else {
            endpoint.to_string()
        };
        async move {
            let client = Socket::new().unwrap();
            client.connect(target).unwrap();
            client.send(at.to_string()).await.unwrap();
            client
        }
    };
    for round in 0..10 {
        let (clients, _) = tokio::join!(
            join_all((0..4).map(good)),
            join_all((0..100).map(|at| bad(round * 100 + at))),
        );
        for _ in &clients {
            within("a good one", server.recv()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_refused_is_reported_with_its_reason() {
    let server = Socket::builder()
        .websocket(open().path("/jobs"))
        .build()
        .unwrap();
    let mut events = server.events();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let port = endpoint.port().unwrap();
    let foreign = [REQUEST, b"Origin: http://evil.example\r\n\r\n"].concat();
    let foreign = String::from_utf8(foreign)
        .unwrap()
        .replace("GET /", "GET /jobs");
    let elsewhere = [REQUEST, b"\r\n"].concat();
    for (request, status, reason) in [
        (
            foreign.as_bytes(),
            "403",
            "pages of http://evil.example may not connect here",
        ),
        (&elsewhere, "404", "no aiomsg socket has this path"),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "404",
            "no aiomsg socket has this path",
        ),
        (
            b"GET /jobs HTTP/1.1\r\nHost: a\r\n\r\n",
            "426",
            "connect with aiomsg",
        ),
    ] {
        let mut peer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        peer.write_all(request).await.unwrap();
        let head = within("the answer", head(&mut peer)).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        let error = bad_input::refused(&mut events).await;
        let chain = error.chain().to_string();
        assert!(chain.contains(reason), "{chain}");
    }
    // Garbage does not hide them.
    let mut garbage = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    garbage.write_all(b"garbage").await.unwrap();
    bad_input::refused(&mut events).await;
    let failures = server.failures();
    let of = |kind| failures.iter().filter(move |it| it.kind == kind).count();
    assert_eq!(
        (of(FailureKind::Refused), of(FailureKind::Handshake)),
        (1, 1)
    );
}

#[tokio::test]
async fn without_the_setting_a_browser_is_refused_as_before() {
    let server = Socket::new().unwrap();
    let mut events = server.events();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let client = Socket::new().unwrap();
    client.connect(ws(&endpoint)).unwrap();
    let error = bad_input::refused(&mut events).await;
    assert!(error.to_string().contains("http"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_is_named_at_once() {
    let socket = Socket::new().unwrap();
    let error = socket.bind("ws://127.0.0.1:0/").await.unwrap_err();
    assert!(
        error.is_config() && error.to_string().contains("bind tcp://"),
        "{error}"
    );
    let built = Socket::builder()
        .websocket_header("Host", "elsewhere")
        .build();
    let error = built.err().unwrap();
    assert!(
        error.is_config() && error.to_string().contains("Host"),
        "{error}"
    );
}
