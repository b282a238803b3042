//! Many connections on one socket.

use std::time::Duration;

use aiomsg::Socket;
use tokio::time::{Instant, sleep};

use super::{start, told};
use crate::process::{Usage, own_usage, readable};

/// How often all of them are published to.
const PUBLISHED: usize = 5;

const PAYLOAD: usize = 64;

/// Measures `count` connections, and prints what it finds.
pub(crate) async fn run(count: usize, idle: Duration) {
    let socket = Socket::builder().publish().build();
    let socket = socket.expect("the settings are good");
    let endpoint = socket
        .bind("127.0.0.1:0")
        .await
        .expect("loopback can be bound");
    let address = endpoint.to_string();
    let address = address.trim_start_matches("tcp://");

    let before = own_usage();
    let mut crowd = start(["crowd", address, &count.to_string()]);
    let started = Instant::now();
    socket
        .wait_for_peers(count)
        .await
        .expect("the socket is open");
    println!("{count} connections: all up in {:.2?}", started.elapsed());
    // In a thread of its own, as it waits for a line.
    crowd = tokio::task::spawn_blocking(move || {
        told(&mut crowd, "connected");
        crowd
    })
    .await
    .expect("the crowd says so");
    sleep(Duration::from_secs(1)).await;
    let after = connected(before, count);
    idle_for(after, idle).await;

    for nth in 1..=PUBLISHED {
        let started = Instant::now();
        let sent = socket.send(vec![0; PAYLOAD]).await;
        sent.expect("the socket is open");
        let nth = nth.to_string();
        crowd = tokio::task::spawn_blocking(move || {
            assert_eq!(told(&mut crowd, "heard"), nth);
            crowd
        })
        .await
        .expect("all hear it");
        println!("a publish to all of them: {:.2?}", started.elapsed());
    }
    let peers = socket.stats().peers;
    println!(
        "connected at the end: {peers}; resident: {}",
        readable(own_usage().resident)
    );
    assert_eq!(peers, count, "none is lost");
}

/// Tells what memory these connections have taken.
pub(super) fn connected(before: Usage, count: usize) -> Usage {
    let after = own_usage();
    let grown = after.resident.saturating_sub(before.resident);
    println!(
        "memory: {} for each connection, {} in all",
        readable(grown / count as u64),
        readable(after.resident)
    );
    after
}

/// Does nothing for so long, and tells what that has cost.
pub(super) async fn idle_for(before: Usage, time: Duration) {
    sleep(time).await;
    let share = (own_usage().cpu - before.cpu).as_secs_f64() / time.as_secs_f64();
    println!(
        "idle, with heartbeats: {:.2} % of a core over {time:?}",
        share * 100.0
    );
}
