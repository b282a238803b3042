use std::sync::Arc;

use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tungstenite::handshake::derive_accept_key;

use super::*;
use crate::websocket::accept::Accepting;

#[tokio::test]
async fn our_two_ends_meet_in_any_pieces() {
    for room in [1, 3, 64, 10_000] {
        let (near, far) = duplex(room);
        let accept = async {
            let mut server = Accepting::new(far, Arc::default());
            let mut hello = [0; 5];
            server.read_exact(&mut hello).await.unwrap();
            server.write_all(&hello).await.unwrap();
            server.flush().await.unwrap();
            server
        };
        let connect = async {
            let headers = Headers::default();
            let mut client = connect(near, "a:1", "/jobs?x=1", &headers).await.unwrap();
            client.write_all(b"hello").await.unwrap();
            client.flush().await.unwrap();
            let mut hello = [0; 5];
            client.read_exact(&mut hello).await.unwrap();
            assert_eq!(&hello, b"hello");
        };
        tokio::join!(accept, connect);
    }
}

/// A server may begin to speak behind its answer.
#[tokio::test]
async fn an_answer_is_understood_when_it_is_cut_at_any_byte() {
    let whole = |accept: &str| {
        let lines = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
        let head = format!("HTTP/1.1 101 Switching Protocols\r\n{lines}{accept}\r\n\r\n");
        [head.as_bytes(), b"\x02\x02He\x80\x03llo"].concat()
    };
    let any = derive_accept_key(b"");
    for cut in 1..whole(&any).len() {
        let (near, mut far) = duplex(10_000);
        let serve = async {
            let request = request(&mut far).await;
            let (_, key) = request.split_once("Sec-WebSocket-Key: ").unwrap();
            let (key, _) = key.split_once("\r\n").unwrap();
            let all = whole(&derive_accept_key(key.as_bytes()));
            far.write_all(&all[..cut]).await.unwrap();
            tokio::task::yield_now().await;
            far.write_all(&all[cut..]).await.unwrap();
            far
        };
        let connect = async {
            let headers = Headers::default();
            let mut client = connect(near, "a:1", "/", &headers).await.unwrap();
            let mut hello = [0; 5];
            client.read_exact(&mut hello).await.unwrap();
            assert_eq!(&hello, b"Hello", "cut at {cut}");
        };
        tokio::join!(serve, connect);
    }
}

async fn request(far: &mut DuplexStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(far.read_u8().await.unwrap());
    }
    String::from_utf8(request).unwrap()
}

/// What the server reads, and its answer.
async fn answered(answer: &str) -> (String, Error) {
    let (near, mut far) = duplex(10_000);
    let serve = async {
        let request = request(&mut far).await;
        far.write_all(answer.as_bytes()).await.unwrap();
        far.shutdown().await.unwrap();
        request
    };
    let mut headers = Headers::default();
    headers.append("Authorization", "Bearer token").unwrap();
    let (request, connected) = tokio::join!(serve, connect(near, "a:1", "/jobs", &headers));
    (request, connected.err().unwrap())
}

#[tokio::test]
async fn the_request_has_what_the_rfc_wants_and_the_headers_that_were_set() {
    let (request, _) = answered("").await;
    assert!(
        request.starts_with("GET /jobs HTTP/1.1\r\nHost: a:1\r\n"),
        "{request}"
    );
    for line in [
        "\r\nConnection: Upgrade\r\n",
        "\r\nUpgrade: websocket\r\n",
        "\r\nSec-WebSocket-Version: 13\r\n",
        "\r\nauthorization: Bearer token\r\n",
    ] {
        assert!(request.contains(line), "{request}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_upgrade_is_named() {
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\n";
    let both = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    for (answer, word) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n".into(), "403 Forbidden"),
        ("HTTP/1.0 200 OK\r\n\r\n".into(), "http/1.1"),
        ("\0\0\0\x12\x01\x01\r\n\r\n".into(), "http/1.1"),
        (format!("{upgrade}\r\n"), "lacks"),
        (format!("{upgrade}{both}\r\n"), "another request"),
        (
            format!("{upgrade}{both}Sec-WebSocket-Accept: abc\r\n\r\n"),
            "another request",
        ),
        (format!("{upgrade}{}", "x".repeat(9000)), "too large"),
    ] {
        let (_, error) = answered(&answer).await;
        assert!(error.is_protocol(), "{error}");
        let chain = error.chain().to_string();
        assert!(chain.contains(word), "{word}: {chain}");
    }
    // A list is fine, so this one fails later.
    let list = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
    let (_, error) = answered(&format!("{upgrade}{list}\r\n")).await;
    assert!(error.chain().to_string().contains("another request"));
    let (_, error) = answered("HTTP/1.1 101").await;
    assert!(error.is_disconnected(), "{error}");
}

#[test]
fn headers_of_the_upgrade_and_broken_ones_are_refused_by_name() {
    for (name, value, word) in [
        ("Host", "b", "belongs"),
        ("sec-websocket-key", "b", "belongs"),
        ("a b", "c", "a name"),
        ("X-Token", "a\r\nb: c", "a value"),
    ] {
        let error = Headers::default().append(name, value).unwrap_err();
        let text = error.to_string();
        assert!(
            error.is_config() && text.contains(word) && text.contains(name),
            "{text}"
        );
    }
}

#[test]
fn the_host_has_a_port_only_where_it_is_not_the_schemes_own() {
    for (endpoint, wanted) in [
        ("ws://a:80/", "a"),
        ("ws://a:443/", "a:443"),
        ("wss://a/", "a"),
        ("wss://a:8443/x", "a:8443"),
        ("ws://[::1]:9/", "[::1]:9"),
        ("ws://[fe80::1%eth0]/", "[fe80::1]"),
    ] {
        assert_eq!(host(&endpoint.parse().unwrap()), wanted, "{endpoint}");
    }
}
