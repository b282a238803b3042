use tungstenite::handshake::machine::TryParse;

use super::*;

fn request(path: &str, lines: &[&str]) -> Request {
    let lines = lines.join("\r\n");
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: board.example:8080\r\nUpgrade: WebSocket\r\n\
         Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n{lines}\r\n\r\n"
    );
    let (_, request) = Request::try_parse(head.as_bytes()).unwrap().unwrap();
    request
}

fn answers(guard: &WebSocketGuard, path: &str, lines: &[&str]) -> String {
    match guard.admit(&request(path, lines)) {
        Ok(()) => "101".into(),
        Err(refusal) => refusal.answer()["HTTP/1.1 ".len()..][..3].into(),
    }
}

#[test]
fn pages_of_the_same_host_alone_pass_by_default() {
    let guard = WebSocketGuard::new();
    for (origin, status) in [
        ("http://board.example:8080", "101"),
        ("https://board.example:8080", "101"),
        ("HTTP://Board.Example:8080", "101"),
        ("http://board.example", "101"),
        ("https://board.example:9000", "101"),
        ("http://board.example:9000x", "403"),
        ("http://sub.board.example:8080", "403"),
        ("http://:8080", "403"),
        ("http://board.example:8080.evil.example", "403"),
        ("http://evil.example", "403"),
        ("file://board.example:8080", "403"),
        ("null", "403"),
        ("", "403"),
    ] {
        let line = format!("Origin: {origin}");
        assert_eq!(answers(&guard, "/", &[&line]), status, "{origin}");
    }
    assert_eq!(answers(&guard, "/", &[]), "101", "no browser");
    let two = [
        "Origin: http://board.example:8080",
        "Origin: http://evil.example",
    ];
    assert_eq!(answers(&guard, "/", &two), "400");
}

#[test]
fn a_host_is_compared_without_its_port() {
    for (origin, host, same) in [
        ("http://a.example", "a.example:80", true),
        ("https://a.example", "A.Example", true),
        ("https://[::1]:9000", "[::1]:443", true),
        ("https://[::1]", "[::2]", false),
        ("http://127.0.0.1:9000", "127.0.0.1:25000", true),
        ("http://127.0.0.1:9000", "localhost:25000", false),
        ("http://", "", false),
    ] {
        assert_eq!(is_of_host(origin, host), same, "{origin} and {host}");
    }
}

#[test]
fn listed_origins_pass_as_well_and_all_do_when_asked() {
    let guard = WebSocketGuard::new().origins(["https://one.example/", "http://two.example:80"]);
    let guard = guard.origins(["null"]);
    for (origin, status) in [
        ("https://one.example", "101"),
        ("http://two.example", "101"),
        ("null", "101"),
        ("http://board.example:8080", "101"),
        ("http://one.example", "403"),
        ("https://three.example", "403"),
    ] {
        let line = format!("Origin: {origin}");
        assert_eq!(answers(&guard, "/", &[&line]), status, "{origin}");
        assert_eq!(answers(&guard.clone().any_origin(), "/", &[&line]), "101");
    }
}

#[test]
fn the_path_is_compared_without_its_query() {
    let guard = WebSocketGuard::new().path("/jobs");
    assert_eq!(answers(&guard, "/jobs", &[]), "101");
    assert_eq!(answers(&guard, "/jobs?token=1", &[]), "101");
    assert_eq!(answers(&guard, "/", &[]), "404");
    assert_eq!(answers(&guard, "/jobs/more", &[]), "404");
}

#[test]
fn a_forged_origin_cannot_forge_the_answer() {
    let refusal = WebSocketGuard::new().admit(&request("/", &["Origin: a\tb"]));
    let answer = refusal.unwrap_err().answer();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "pages of a\\tb may not connect here\n");
    assert!(answer.contains(&format!("Content-Length: {}\r\n", body.len())));
}

#[test]
fn settings_that_no_request_can_match_are_refused() {
    for (guard, named) in [
        (WebSocketGuard::new().path("jobs"), "\"jobs\""),
        (WebSocketGuard::new().path("/jobs?a"), "\"/jobs?a\""),
        (
            WebSocketGuard::new().origins(["https://example.org", "example.org"]),
            "\"example.org\"",
        ),
        (
            WebSocketGuard::new().origins(["https://a/b"]),
            "\"https://a/b\"",
        ),
        (WebSocketGuard::new().origins(["https://"]), "\"https:\""),
    ] {
        let error = guard.check().unwrap_err();
        assert!(error.is_config(), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
    let good = WebSocketGuard::new().path("/");
    let good = good.origins(["https://example.org:8443/", "null", "http://[::1]"]);
    good.check().unwrap();
}

#[test]
fn a_star_is_any_origin() {
    let star = WebSocketGuard::new().origins(["https://example.org", "*"]);
    assert_eq!(star, WebSocketGuard::new().any_origin());
    star.check().unwrap();
}
