//! `aiomsg top`, in a pipe.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

#[tokio::test]
async fn it_prints_a_line_each_time_and_json_if_asked_to() {
    let proxy = Proxy::start(&["--dashboard", "0", "--replies"]).await;
    let page = proxy.program.after("dashboard: ").await;
    let address = page.strip_prefix("http://").unwrap().trim_end_matches('/');
    let _consumer = proxy.consumer().await;

    let ended = Program::run(["top", address, "--once", "--json"]).await;
    assert_eq!(ended.code, Some(0));
    let status: serde_json::Value = serde_json::from_str(&ended.lines[0]).unwrap();
    assert_eq!(status["state"], "running");

    let top = Program::start(["top", address, "--interval", "100ms"]);
    top.says(
        "running 0/s forwarded 0 producers 0 consumers 1 waiting 0 dropped 0 replies 0/s",
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

    for (wrong, why) in [
        ("nowhere", "is not an address"),
        ("https://localhost:9000/", "https is not spoken"),
        ("http://localhost:x/", "the port is not a number"),
        ("http://localhost/a?b", "a path alone"),
    ] {
        let ended = Program::run(["top", wrong]).await;
        assert_eq!(ended.code, Some(2));
        assert!(ended.error().contains(why), "{ended:?}");
        assert!(ended.error().contains(wrong), "{ended:?}");
    }
    let ended = Program::run(["top", "1", "--interval", "1ms"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.error().contains("below 100ms"), "{ended:?}");
}

/// What shows a dashboard below a path of its own.
async fn reverse_proxy(dashboard: String, prefix: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            match head.strip_prefix(&format!("GET {prefix}/")) {
                Some(rest) => {
                    let mut server = TcpStream::connect(&dashboard).await.unwrap();
                    let head = format!("GET /{rest}");
                    server.write_all(head.as_bytes()).await.unwrap();
                    tokio::io::copy(&mut server, &mut client).await.unwrap();
                }
                None => {
                    let missing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
                    client.write_all(missing).await.unwrap();
                }
            }
        }
    });
    format!("http://localhost:{}", address.port())
}

#[tokio::test]
async fn a_dashboard_below_a_path_is_seen_by_its_url() {
    let proxy = Proxy::start(&["--dashboard", "0"]).await;
    let page = proxy.program.after("dashboard: ").await;
    let address = page.strip_prefix("http://").unwrap().trim_end_matches('/');
    let host = reverse_proxy(address.to_owned(), "/some/prefix").await;
    for (url, line) in [
        (format!("{host}/some/prefix/"), "running 0/s"),
        (format!("{host}/some/prefix"), "running 0/s"),
        // The address as the proxy prints it.
        (page.clone(), "running 0/s"),
    ] {
        let ended = Program::run(["top", &url, "--once"]).await;
        assert_eq!(ended.code, Some(0), "{url}: {ended:?}");
        assert!(ended.lines[0].starts_with(line), "{url}: {ended:?}");
    }
    // Another path is not the dashboard's.
    let url = format!("{host}/other");
    let ended = Program::run(["top", &url, "--once"]).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let asked = format!("{url}/api/status: it answers 404");
    assert!(ended.error().contains(&asked), "{ended:?}");
}
