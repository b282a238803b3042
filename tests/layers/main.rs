//! Layers of tower's, unmodified, and of a user's own, around the paths of a
//! socket, over real connections.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod by_hand;
mod connection;
mod contract;
mod dedup;
mod dial_accept;
mod ending;
mod foreign;
mod hooks;
mod panics;
mod policies;
mod receive;
mod requests;
mod router;
mod send;
mod serve;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aiomsg::{Endpoint, Event, Events, Socket};
use tokio::sync::Semaphore;

/// A receiver, and where to connect to it.
async fn receiver() -> (Socket, Endpoint) {
    let socket = Socket::new().unwrap();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    (socket, endpoint)
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not in time"),
    }
}

/// The next event that `pick` wants.
async fn event<T>(events: &mut Events, what: &str, pick: impl Fn(Event) -> Option<T>) -> T {
    within(what, async {
        loop {
            let event = events.next().await.expect("the socket is open");
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    })
    .await
}

/// Waits for something that nothing tells of. The clock may be paused.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    within(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Holds up whoever comes to it, until it is let go.
#[derive(Clone)]
struct Gate {
    open: Arc<Semaphore>,
    came: Arc<Semaphore>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Gate {
    fn new() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            came: Arc::new(Semaphore::new(0)),
            now: Arc::default(),
            most: Arc::default(),
        }
    }

    async fn pass(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        self.came.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits until so many more have come.
    async fn come(&self, count: u32) {
        within("somebody at the gate", self.came.acquire_many(count))
            .await
            .unwrap()
            .forget();
    }

    fn let_go(&self, count: usize) {
        self.open.add_permits(count);
    }

    /// How many were held at once.
    fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }
}
