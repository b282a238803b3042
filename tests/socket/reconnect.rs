//! When a connection is tried again.

use super::*;
use std::collections::HashSet;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

async fn retry_in(events: &mut Events) -> Duration {
    event(events, "a failed try", |event| match event {
        Event::DialFailed { retry_in, .. } => Some(retry_in),
        _ => None,
    })
    .await
}

/// Pitfall 16: without jitter, all who lost one server came back at the same
/// moment, and did so again and again.
#[tokio::test(start_paused = true)]
async fn sockets_that_lost_the_same_server_do_not_come_back_in_step() {
    let mut delays = HashSet::new();
    for _ in 0..50 {
        let client = Socket::new().unwrap();
        let mut events = client.events();
        client.connect("mem://nobody-listens-here").unwrap();
        let delay = retry_in(&mut events).await;
        assert!((50..=100).contains(&delay.as_millis()), "{delay:?}");
        delays.insert(delay);
    }
    assert!(delays.len() > 25, "{delays:?}");
}

/// Pitfall 16: delays that had grown stayed long after a good connection.
#[tokio::test(start_paused = true)]
async fn delays_grow_while_nobody_is_there_and_not_after_a_good_connection() {
    let client = Socket::new().unwrap();
    let mut events = client.events();
    client.connect("mem://comes-and-goes").unwrap();
    let mut delay = Duration::ZERO;
    for _ in 0..12 {
        delay = retry_in(&mut events).await;
    }
    assert!((SECOND * 5..=SECOND * 10).contains(&delay), "{delay:?}");

    let server = Socket::new().unwrap();
    server.bind("mem://comes-and-goes").await.unwrap();
    within("the server", client.wait_for_peers(1))
        .await
        .unwrap();
    sleep(SECOND * 2).await;
    server.close(PATIENCE).await;
    let delay = retry_in(&mut events).await;
    assert!(delay <= SECOND / 10, "{delay:?}");
}
