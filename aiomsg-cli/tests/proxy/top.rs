//! `aiomsg top`, in a pipe.

use super::*;

#[tokio::test]
async fn it_prints_a_line_each_time_and_json_if_asked_to() {
    let proxy = Proxy::start(&["--dashboard", "0", "--replies"]).await;
    let page = proxy.program.after("dashboard: ").await;
    let address = page.strip_prefix("http://").unwrap().trim_end_matches('/');
    let _worker = proxy.worker().await;

    let ended = Program::run(["top", address, "--once", "--json"]).await;
    assert_eq!(ended.code, Some(0));
    let status: serde_json::Value = serde_json::from_str(&ended.lines[0]).unwrap();
    assert_eq!(status["state"], "running");

    let top = Program::start(["top", address, "--interval", "100ms"]);
    top.says(
        "running 0/s handed on 0 creators 0 workers 1 waiting 0 dropped 0 replies 0/s",
        3,
    )
    .await;
    proxy.program.signal("USR1").await;
    top.says("paused ", 1).await;
    // When the proxy is gone, it says so and ends.
    assert_eq!(proxy.program.stop().await.code, Some(0));
    let ended = top.ended().await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.error().contains(address), "{ended:?}");
}

#[tokio::test]
async fn what_is_no_proxy_is_named() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    drop(nobody);
    let ended = Program::run(["top", &address]).await;
    assert_eq!(ended.code, Some(3));
    assert!(ended.error().contains("nobody is there"), "{ended:?}");

    // A proxy with metrics alone, and something else.
    let proxy = Proxy::start(&[]).await;
    let metrics = proxy.metrics.strip_prefix("http://").unwrap();
    let ended = Program::run(["top", metrics.trim_end_matches("/metrics")]).await;
    assert!(ended.error().contains("404"), "{ended:?}");
    let ended = Program::run(["top", proxy.frontend.strip_prefix("tcp://").unwrap()]).await;
    assert!(ended.error().contains("no answer in http"), "{ended:?}");

    let ended = Program::run(["top", "nowhere"]).await;
    assert_eq!(ended.code, Some(2));
    let ended = Program::run(["top", "1", "--interval", "1ms"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.error().contains("below 100ms"), "{ended:?}");
}
