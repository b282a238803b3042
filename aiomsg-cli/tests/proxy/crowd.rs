//! Many connections to the port by which a proxy is looked at.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::*;

/// Less than the 3 s after which a connection that says nothing ends by itself: an answer by
/// then has waited for none. An orchestrator that gets none for long starts the proxy anew.
const SOON: Duration = Duration::from_millis(2500);

/// Opens so many that say this, and go on holding them.
async fn crowd(host: &str, count: usize, says: &[u8]) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..count {
        let connected = within("a connection", TcpStream::connect(host)).await;
        let mut stream = connected.unwrap();
        // It may have been ended already.
        let _ = stream.write_all(says).await;
        crowd.push(stream);
    }
    crowd
}

async fn is_healthy_soon(host: &str, what: &str) {
    let start = Instant::now();
    let answer = http::get(&format!("http://{host}/healthz")).await;
    let time = start.elapsed();
    assert_eq!((answer.status, &*answer.body), (200, "alive\n"), "{what}");
    assert!(time < SOON, "{what}: {time:?}");
}

fn host(proxy: &Proxy) -> String {
    let host = proxy.metrics.strip_prefix("http://").unwrap();
    host.strip_suffix("/metrics").unwrap().to_owned()
}

/// The answer took 10 s, and the proxy was taken for dead.
#[tokio::test]
async fn health_is_answered_while_others_hold_connections_open() {
    let proxy = Proxy::start(&[]).await;
    let host = host(&proxy);
    let whole = format!("GET /metrics HTTP/1.1\r\nhost: {host}\r\n\r\n");
    for (count, says) in [
        (300, &b""[..]),
        (300, b"GET /healthz HTTP/1.1\r\nhost: "),
        // It reads no answer.
        (300, whole.as_bytes()),
        (3000, b""),
    ] {
        let what = format!("{count} that say {:?}", String::from_utf8_lossy(says));
        let crowd = crowd(&host, count, says).await;
        for _ in 0..3 {
            is_healthy_soon(&host, &what).await;
        }
        drop(crowd);
    }
    assert_eq!(proxy.program.stop().await.code, Some(0));
}

/// While they go on coming, too.
#[tokio::test]
async fn health_is_answered_while_others_come() {
    let proxy = Proxy::start(&[]).await;
    let host = host(&proxy);
    let coming = tokio::spawn({
        let host = host.clone();
        async move {
            let mut held = Vec::new();
            for _ in 0..50 {
                held.extend(crowd(&host, 100, b"").await);
            }
            std::future::pending::<()>().await;
        }
    });
    for _ in 0..20 {
        is_healthy_soon(&host, "while others come").await;
    }
    coming.abort();
    assert_eq!(proxy.program.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_ended() {
    let proxy = Proxy::start(&[]).await;
    let host = host(&proxy);
    for says in [&b""[..], b"GET /healthz HTTP/1.1\r\nhost: "] {
        let mut crowd = crowd(&host, 1, says).await;
        let mut rest = Vec::new();
        let start = Instant::now();
        let ended = within("its end", crowd[0].read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{ended:?}");
        // What a client has to say it says in less.
        assert!(start.elapsed() < Duration::from_secs(8), "{says:?}");
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    }
}
