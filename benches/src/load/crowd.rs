//! Many peers in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use aiomsg::layer::Frame;
use futures::StreamExt;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::light_peer;

/// How many connect at once.
const AT_ONCE: usize = 128;

/// What the peers of a crowd count together.
#[derive(Default)]
struct Counts {
    connected: AtomicUsize,
    heard: AtomicUsize,
    ended: AtomicUsize,
}

/// Connects, and tells by lines: `connected MICROSECONDS`, then `heard N` when
/// each peer has got another message. Ends when the first connection does.
pub(crate) async fn run(address: &str, count: usize) {
    let counts = Arc::<Counts>::default();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let started = Instant::now();
    for _ in 0..count {
        let (address, turns, counts) = (address.to_owned(), turns.clone(), counts.clone());
        tokio::spawn(async move {
            peer(&address, &turns, &counts).await;
            counts.ended.fetch_add(1, Relaxed);
        });
    }
    let mut heard = 0;
    let mut connected = false;
    while counts.ended.load(Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if !connected && counts.connected.load(Relaxed) == count {
            connected = true;
            println!("connected {}", started.elapsed().as_micros());
        }
        while counts.heard.load(Relaxed) >= (heard + 1) * count {
            heard += 1;
            println!("heard {heard}");
        }
    }
}

async fn peer(address: &str, turns: &Semaphore, counts: &Counts) {
    let turn = turns.acquire().await.expect("it is never closed");
    let connection = light_peer::connect(address).await;
    let mut connection = connection.expect("the socket answers");
    drop(turn);
    counts.connected.fetch_add(1, Relaxed);
    while let Some(Ok(frame)) = connection.next().await {
        if let Frame::Data { .. } = frame {
            counts.heard.fetch_add(1, Relaxed);
        }
    }
}
