//! Reasons of failures, in the log at its default level and in what is shown.

use super::*;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

async fn reasons(page: &str) -> Vec<serde_json::Value> {
    let answer = http::get(&format!("{page}api/status")).await;
    let status: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    status["reasons"].as_array().unwrap().clone()
}

/// Waits until one of this kind has happened this often.
async fn reason(page: &str, kind: &str, count: u64) -> serde_json::Value {
    within(kind, async {
        loop {
            let all = reasons(page).await;
            let found = all.into_iter().find(|it| it["kind"] == kind);
            if let Some(found) = found.filter(|it| it["count"] == count) {
                return found;
            }
            sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_stranger_and_a_message_that_is_dropped_are_logged_and_shown() {
    let proxy = Proxy::start(&["--dashboard", "0"]).await;
    let page = proxy.program.after("dashboard: ").await;
    assert!(reasons(&page).await.is_empty());
    let consumer = proxy.consumer().await;
    for _ in 0..3 {
        consumer.send("unasked").await.unwrap();
    }
    let dropped = reason(&page, "dropped", 3).await;
    assert_eq!(dropped["side"], "proxy");
    let why = "a consumer sent it, and the proxy takes no replies";
    assert_eq!(dropped["reason"], why);
    proxy.program.logs(why).await;

    let address = proxy.frontend.strip_prefix("tcp://").unwrap();
    let mut stranger = TcpStream::connect(address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stranger.write_all(request).await.unwrap();
    let failed = reason(&page, "handshake", 1).await;
    assert_eq!(failed["side"], "frontend");
    assert_eq!(failed["endpoint"], *proxy.frontend);
    let peer = stranger.local_addr().unwrap().to_string();
    assert_eq!(failed["peer"], peer);
    assert!(
        failed["reason"].as_str().unwrap().contains("http"),
        "{failed}"
    );
    proxy.program.logs("a handshake failed").await;

    let address = page.strip_prefix("http://").unwrap().trim_end_matches('/');
    let top = Program::run(["top", address, "--once"]).await;
    let line = &top.lines[0];
    assert!(line.contains("1 times: frontend, handshake"), "{line}");
}
