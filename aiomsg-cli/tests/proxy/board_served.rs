//! How the page that talks through the proxy is shown.

use serde_json::{Value, json};

use super::observe::Shown;
use super::*;

fn port(endpoint: &str) -> u16 {
    endpoint.rsplit_once(':').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn the_page_has_a_strict_policy_and_the_dashboard_keeps_its_own() {
    let shown = Shown::start(&["--frontend-websocket", "--backend-websocket"]).await;
    let page = shown.get("/board/").await;
    assert_eq!(page.status, 200);
    let (frontend, backend) = (port(&shown.proxy.frontend), port(&shown.proxy.backend));
    let connects = format!(
        "connect-src 'self' ws://127.0.0.1:{frontend} http://127.0.0.1:{frontend} \
         ws://127.0.0.1:{backend} http://127.0.0.1:{backend}\r\n"
    );
    for part in [
        "default-src 'none'; script-src 'self'; style-src 'self';",
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none';",
        &connects,
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
    ] {
        assert!(page.head.contains(part), "{part}: {}", page.head);
    }
    assert!(!page.head.contains("unsafe-inline"), "{}", page.head);
    let dashboard = shown.get("/").await;
    assert!(dashboard.head.contains("connect-src 'self'; img-src"));

    for (path, kind) in [
        ("/board/board.js", "text/javascript"),
        ("/aiomsg.js", "text/javascript"),
        ("/board/board.css", "text/css"),
    ] {
        let answer = shown.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let kind = format!("content-type: {kind}; charset=utf-8");
        assert!(answer.head.contains(&kind), "{path}: {}", answer.head);
    }
    let moved = shown.get("/board").await;
    assert_eq!(moved.status, 308);
    assert!(moved.head.contains("location: board/"), "{}", moved.head);
    assert_eq!(shown.get("/board/nothing").await.status, 404);
    let post = http::ask("POST", &format!("{}/board/", shown.at), &[]).await;
    assert_eq!(post.status, 405);
    let foreign = [("host", "evil.example")];
    let foreign = http::ask("GET", &format!("{}/board/", shown.at), &foreign).await;
    assert_eq!(foreign.status, 403);
}

#[tokio::test]
async fn without_a_side_that_accepts_pages_there_is_none_and_one_line_says_why() {
    let shown = Shown::start(&[]).await;
    for path in ["/board", "/board/", "/board/board.js", "/aiomsg.js"] {
        let answer = shown.get(path).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (
                404,
                "no side of the proxy accepts pages: start it with --frontend-websocket and \
                 --backend-websocket\n"
            ),
            "{path}"
        );
    }
    let output = shown.proxy.program.output();
    assert!(!output.lines.iter().any(|it| it.starts_with("board: ")));
}

#[tokio::test]
async fn metrics_alone_serve_no_page() {
    let proxy = Proxy::start(&["--frontend-websocket"]).await;
    let at = proxy.metrics.trim_end_matches("metrics");
    assert_eq!(http::get(&format!("{at}board/")).await.status, 404);
}

#[tokio::test]
async fn the_page_learns_which_endpoints_accept_it() {
    let shown = Shown::start(&[
        "--mode",
        "publish",
        "--backend-websocket",
        "--backend-websocket-path",
        "/news",
    ])
    .await;
    let expected = json!({
        "mode": "publish",
        "send": [],
        "receive": [
            { "scheme": "ws", "port": port(&shown.proxy.backend), "path": "/news" },
        ],
    });
    let answer = shown.get("/board/endpoints.json").await;
    assert_eq!(answer.status, 200);
    let endpoints: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(endpoints, expected);
}
