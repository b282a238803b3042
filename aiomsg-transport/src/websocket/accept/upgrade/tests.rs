use super::*;

fn status(head: &str) -> String {
    match upgrade(head.as_bytes(), &WebSocketGuard::new()) {
        Ok(answer) => answer["HTTP/1.1 ".len()..][..3].into(),
        Err(refusal) => refusal.answer()["HTTP/1.1 ".len()..][..3].into(),
    }
}

/// The example of RFC 6455, section 1.3.
#[test]
fn the_example_of_the_rfc_is_answered_as_there() {
    let head = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
                Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                Origin: http://server.example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
                Sec-WebSocket-Version: 13\r\n\r\n";
    let answer = upgrade(head.as_bytes(), &WebSocketGuard::new()).unwrap();
    assert_eq!(
        answer.to_ascii_lowercase(),
        "http/1.1 101 switching protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n\r\n"
    );
    assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
}

#[test]
fn what_is_no_upgrade_gets_a_status_that_says_why() {
    let good = "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let get = |lines: &str| format!("GET / HTTP/1.1\r\n{lines}\r\n");
    assert_eq!(status(&get(good)), "101");
    let without = |line: &str| {
        let lines = good.split_inclusive("\r\n");
        get(&lines.filter(|it| !it.starts_with(line)).collect::<String>())
    };
    for (head, answer) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n".into(), "426"),
        ("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".into(), "405"),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n".into(), "405"),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n".into(), "400"),
        ("GET /\r\n\r\n".into(), "400"),
        ("GET / HTTP/1.1\r\nno header\r\n\r\n".into(), "400"),
        (without("Upgrade"), "426"),
        (without("Connection"), "400"),
        (without("Sec-WebSocket-Version"), "426"),
        (without("Sec-WebSocket-Key"), "400"),
        (get(&format!("{good}Host: b\r\n")), "400"),
        (without("Host"), "400"),
        (get(&format!("{good}Content-Length: 5\r\n")), "400"),
        (get(&format!("{good}Content-Length: 0\r\n")), "101"),
        (
            get(&format!("{good}Content-Length: 0\r\nContent-Length: 5\r\n")),
            "400",
        ),
        (get(&format!("{good}Transfer-Encoding: chunked\r\n")), "400"),
        (
            get(&format!(
                "{good}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            )),
            "400",
        ),
        (get(&format!("{good}\nmore\r\n")), "400"),
        (get(good).replace(": 13", ": 8"), "426"),
        (get(good).replace("dGhl", "dGh"), "400"),
        (get(&(good.to_owned() + &"x: y\r\n".repeat(200))), "400"),
    ] {
        assert_eq!(status(&head), answer, "{head}");
    }
}
