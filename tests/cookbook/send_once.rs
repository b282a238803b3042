//! What becomes of a message whose program ends, with real processes.

use std::time::Duration;

use crate::program::{PATIENCE, example};
use aiomsg::Socket;

/// The lines about lost messages.
fn warnings(lines: &[String]) -> Vec<&String> {
    let lost = |line: &&String| line.contains("the last handle of a socket was dropped");
    lines.iter().filter(lost).collect()
}

/// Runs the example in one way, and returns its lines.
async fn send_once(way: &str, address: &str) -> Vec<String> {
    example("send_once").args([way, address]).run().end().await
}

/// An address at which nobody listens.
async fn unused() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let address = listener.and_then(|it| it.local_addr());
    address.expect("a free port").to_string()
}

async fn received(server: &Socket) -> String {
    let received = tokio::time::timeout(PATIENCE, server.recv_text()).await;
    received.expect("it comes in time").expect("it is open")
}

#[tokio::test]
async fn the_end_of_main_loses_the_message_and_the_log_says_so() {
    let server = Socket::new().unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let there = format!("127.0.0.1:{}", endpoint.port().unwrap());
    for address in [there, unused().await] {
        let lines = send_once("send", &address).await;
        let warnings = warnings(&lines);
        assert_eq!(warnings.len(), 1, "{lines:?}");
        assert!(warnings[0].contains("WARN"), "{lines:?}");
        assert!(warnings[0].contains("messages=1"), "{lines:?}");
        assert!(warnings[0].contains("close(deadline)"), "{lines:?}");
    }
    // The process has ended, so nothing comes any more.
    assert_eq!(server.stats().received_messages, 0);
}

#[tokio::test]
async fn close_drain_and_the_acknowledgement_send_it_to_a_receiver_that_is_there() {
    let server = Socket::new().unwrap();
    let endpoint = server.bind("127.0.0.1:0").await.unwrap();
    let there = format!("127.0.0.1:{}", endpoint.port().unwrap());
    for (way, last) in [
        ("close", "closed, 0 messages unsent"),
        ("drain", "closed, 0 messages unsent"),
        ("acked", "acknowledged"),
    ] {
        let lines = send_once(way, &there).await;
        assert_eq!(lines.last().unwrap(), last, "{way}: {lines:?}");
        assert!(warnings(&lines).is_empty(), "{lines:?}");
        assert_eq!(received(&server).await, "hello");
    }
}

#[tokio::test]
async fn drain_and_the_acknowledgement_wait_for_a_receiver_that_comes_later() {
    for (way, last) in [
        ("drain", "closed, 0 messages unsent"),
        ("acked", "acknowledged"),
    ] {
        let address = unused().await;
        let sending = send_once(way, &address);
        let server = Socket::new().unwrap();
        let receiving = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            server.bind(address.as_str()).await.unwrap();
            received(&server).await
        };
        let (lines, received) = tokio::join!(sending, receiving);
        assert_eq!(received, "hello");
        assert_eq!(lines.last().unwrap(), last, "{lines:?}");
    }
}

#[tokio::test]
async fn close_hands_it_back_where_nobody_is() {
    let lines = send_once("close", &unused().await).await;
    assert_eq!(lines.last().unwrap(), "closed, 1 messages unsent");
    assert!(warnings(&lines).is_empty(), "{lines:?}");
}
