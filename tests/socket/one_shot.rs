//! A program that sends once and ends: what becomes of its message, as the table in
//! `docs/reliability.md` says. `tests/cookbook/send_once.rs` does it with processes.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::captured_log::Log;
use super::*;
use tokio::time::{Instant, sleep, timeout};
use tracing::Level;

/// When the receiver comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receiver {
    There,
    Later,
    Never,
}

/// Runs a program with a receiver, and returns what it has received in a minute, and the
/// warnings about lost messages.
async fn run(receiver: Receiver, program: impl AsyncFnOnce(&str)) -> (Option<String>, Vec<String>) {
    let (log, _captured) = Log::capture(Level::WARN);
    // Tests run at the same time, and an in-memory address is for one of them.
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let endpoint = format!("mem://one-shot-{run}");
    let endpoint = endpoint.as_str();
    let server = Socket::new().unwrap();
    if receiver == Receiver::There {
        server.bind(endpoint).await.unwrap();
    }
    let receiving = async {
        match receiver {
            Receiver::There => {}
            Receiver::Later => {
                sleep(Duration::from_secs(1)).await;
                server.bind(endpoint).await.unwrap();
            }
            Receiver::Never => return None,
        }
        let received = timeout(Duration::from_secs(60), server.recv_text()).await;
        received.ok().map(Result::unwrap)
    };
    let (received, ()) = tokio::join!(receiving, program(endpoint));
    (received, warnings(&log))
}

fn warnings(log: &Log) -> Vec<String> {
    let mut lines = log.lines();
    lines.retain(|line| line.contains("the last handle of a socket was dropped"));
    lines
}

/// A client that connects, as a program does first.
fn connected(endpoint: &str, at_least_once: bool) -> Socket {
    let client = match at_least_once {
        false => Socket::new().unwrap(),
        true => Socket::builder().at_least_once().build().unwrap(),
    };
    client.connect(endpoint).unwrap();
    client
}

// ===== send =====

#[tokio::test(start_paused = true)]
async fn send_alone_loses_the_message_with_a_warning() {
    for receiver in [Receiver::There, Receiver::Later, Receiver::Never] {
        for at_least_once in [false, true] {
            let (received, warnings) = run(receiver, async |endpoint| {
                let client = connected(endpoint, at_least_once);
                client.send("hello").await.unwrap();
            })
            .await;
            assert_eq!(received, None, "{receiver:?}");
            assert_eq!(warnings.len(), 1, "{receiver:?}: {warnings:?}");
            assert!(warnings[0].contains("messages=1"), "{warnings:?}");
            assert!(warnings[0].contains("close(deadline)"), "{warnings:?}");
        }
    }
}

/// One line for all of them, and none when nothing waits, or another handle is there.
#[tokio::test(start_paused = true)]
async fn the_warning_counts_messages_and_comes_with_the_last_handle() {
    let (log, _captured) = Log::capture(Level::WARN);
    let client = connected("mem://one-shot-counted", false);
    for n in 0..1_000 {
        client.send(n.to_string()).await.unwrap();
    }
    let absent = aiomsg::Identity::random();
    client.send_to(absent, "for the absent").await.unwrap();
    drop(client.clone());
    assert_eq!(warnings(&log).len(), 0, "{}", log.text());
    drop(client);
    assert_eq!(warnings(&log).len(), 1, "{}", log.text());
    assert!(log.text().contains("messages=1001"), "{}", log.text());

    let client = connected("mem://one-shot-closed", false);
    client.send("handed back").await.unwrap();
    assert_eq!(client.close(PATIENCE).await.unsent.len(), 1);
    drop(client);
    drop(Socket::new().unwrap());
    assert_eq!(warnings(&log).len(), 1, "{}", log.text());
}

// ===== send, close =====

#[tokio::test(start_paused = true)]
async fn close_sends_the_message_to_a_receiver_that_is_there() {
    let (received, warnings) = run(Receiver::There, async |endpoint| {
        let client = connected(endpoint, false);
        client.send("hello").await.unwrap();
        assert!(client.close(Duration::from_secs(5)).await.is_clean());
    })
    .await;
    assert_eq!(received.as_deref(), Some("hello"));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn close_hands_the_message_back_where_no_receiver_is() {
    for receiver in [Receiver::Later, Receiver::Never] {
        let (received, warnings) = run(receiver, async |endpoint| {
            let client = connected(endpoint, false);
            client.send("hello").await.unwrap();
            let start = Instant::now();
            let report = client.close(Duration::from_secs(5)).await;
            assert_eq!(report.unsent[0].payload(), "hello");
            assert!(
                start.elapsed() < Duration::from_secs(1),
                "it waits for no retry"
            );
        })
        .await;
        assert_eq!(received, None, "{receiver:?}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

// ===== send, drain, close =====

#[tokio::test(start_paused = true)]
async fn drain_waits_for_a_receiver_that_is_there_or_comes_later() {
    for receiver in [Receiver::There, Receiver::Later] {
        let (received, warnings) = run(receiver, async |endpoint| {
            let client = connected(endpoint, false);
            client.send("hello").await.unwrap();
            assert!(client.drain(Duration::from_secs(5)).await.is_clean());
            assert!(client.close(Duration::from_secs(5)).await.is_clean());
        })
        .await;
        assert_eq!(received.as_deref(), Some("hello"), "{receiver:?}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn drain_ends_at_its_deadline_where_no_receiver_comes() {
    let (_, warnings) = run(Receiver::Never, async |endpoint| {
        let client = connected(endpoint, false);
        client.send("hello").await.unwrap();
        let start = Instant::now();
        assert_eq!(client.drain(Duration::from_secs(5)).await.unsent, 1);
        assert!(start.elapsed() >= Duration::from_secs(5));
        let report = client.close(Duration::from_secs(5)).await;
        assert_eq!(report.unsent[0].payload(), "hello");
    })
    .await;
    assert!(warnings.is_empty(), "{warnings:?}");
}

// ===== send_acked =====

#[tokio::test(start_paused = true)]
async fn send_acked_returns_when_a_receiver_has_it_now_or_later() {
    for receiver in [Receiver::There, Receiver::Later] {
        let (received, warnings) = run(receiver, async |endpoint| {
            let client = connected(endpoint, true);
            client.send_acked("hello").await.unwrap();
        })
        .await;
        assert_eq!(received.as_deref(), Some("hello"), "{receiver:?}");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn send_acked_waits_as_long_as_it_may_for_a_receiver_that_never_comes() {
    let (_, warnings) = run(Receiver::Never, async |endpoint| {
        let client = connected(endpoint, true);
        let sending = timeout(Duration::from_secs(3_600), client.send_acked("hello"));
        assert!(sending.await.is_err(), "it waits");
        // The dropped call has left its message.
        let report = client.close(Duration::from_secs(5)).await;
        assert_eq!(report.unsent[0].payload(), "hello");
    })
    .await;
    assert!(warnings.is_empty(), "{warnings:?}");
}

/// A drain said that all was sent, as the report of a close had taken the message.
#[tokio::test(start_paused = true)]
async fn a_drain_counts_what_a_close_has_returned_meanwhile() {
    let client = Socket::new().unwrap();
    client.connect("mem://nobody-drains-here").unwrap();
    client.send("for nobody").await.unwrap();
    let (drained, closed) = tokio::join!(client.drain(PATIENCE), async {
        sleep(Duration::from_secs(1)).await;
        client.close(Duration::from_secs(1)).await
    });
    assert_eq!(closed.unsent.len(), 1);
    assert_eq!(drained.unsent, 1);
    assert!(client.drain(PATIENCE).await.is_clean(), "it is reported");
}
