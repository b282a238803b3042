//! A proxy under at-most-once load is ended by SIGTERM, again and again, and comes
//! back. A clean report is a promise: no message is missing.
//!
//! ```text
//! AIOMSG_DRAINS=55 cargo test -p aiomsg-cli --test proxy -- drains_under_load --nocapture
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::proxies_die::address;
use super::*;

const PRODUCERS: usize = 2;

const CONSUMERS: usize = 2;

/// How often it is ended, if the environment says nothing else.
const DRAINS: u64 = 5;

/// How long it works before it is ended, in milliseconds; each time as much longer.
const WORKS: (u64, u64) = (100, 40);

/// Counts what has come, and what has come twice.
#[derive(Default)]
struct Seen {
    numbers: std::sync::Mutex<Vec<Vec<bool>>>,
    messages: AtomicU64,
    twice: AtomicU64,
}

impl Seen {
    fn add(&self, payload: &str) {
        let (producer, number) = payload.split_once(' ').unwrap();
        let (producer, number): (usize, usize) =
            (producer.parse().unwrap(), number.parse().unwrap());
        let mut numbers = self.numbers.lock().unwrap();
        if numbers.len() <= producer {
            numbers.resize(producer + 1, Vec::new());
        }
        let of = &mut numbers[producer];
        if of.len() <= number {
            of.resize(number + 1, false);
        }
        match std::mem::replace(&mut of[number], true) {
            true => self.twice.fetch_add(1, Ordering::Relaxed),
            false => self.messages.fetch_add(1, Ordering::Relaxed),
        };
    }
}

fn socket() -> Socket {
    let builder = Socket::builder().reconnect_delay(|_| Duration::from_millis(20));
    builder.build().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_before_the_goodbye_arrives() {
    let drains = std::env::var("AIOMSG_DRAINS").map_or(DRAINS, |it| it.parse().unwrap());
    let (frontend, backend) = (address(), address());
    let seen = Arc::new(Seen::default());
    let consuming: Vec<_> = (0..CONSUMERS)
        .map(|_| {
            let (socket, seen) = (connected(socket(), &backend), Arc::clone(&seen));
            tokio::spawn(async move {
                while let Ok(text) = socket.recv_text().await {
                    seen.add(&text);
                }
            })
        })
        .collect();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| connected(socket(), &frontend))
        .collect();
    let producing: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let (socket, stopped) = (producers[producer].clone(), stopped.clone());
            tokio::spawn(async move {
                let mut sent = 0;
                while !*stopped.borrow() {
                    socket.send(format!("{producer} {sent}")).await.unwrap();
                    sent += 1;
                    if sent % 64 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
                let report = socket.close(PATIENCE).await;
                let unsent = report.unsent.len();
                assert!(
                    report.is_clean(),
                    "{unsent} unsent, {:?}",
                    report.unconfirmed
                );
                sent
            })
        })
        .collect();

    let sides = ["proxy", "--drain-deadline", "50s", "--frontend", &frontend];
    let mut program = Program::start([&sides[..], &["--backend", &backend]].concat());
    for drain in 0..drains {
        program.after("frontend: listening at ").await;
        sleep(Duration::from_millis(WORKS.0 + WORKS.1 * (drain % 8))).await;
        let ended = program.stop().await;
        assert_eq!(ended.code, Some(0), "{drain}: {ended:?}");
        program = Program::start([&sides[..], &["--backend", &backend]].concat());
    }
    // A socket that is closed while it waits to dial again hands back what it has.
    program.after("frontend: listening at ").await;
    until("the producers", || {
        producers.iter().all(|it| it.stats().peers == 1)
    })
    .await;
    stop.send(true).unwrap();
    let mut sent = 0;
    for task in producing {
        sent += within("a producer to end", task).await.unwrap();
    }
    let ended = program.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let came = || seen.messages.load(Ordering::Relaxed);
    until("all messages", || came() >= sent).await;
    let twice = seen.twice.load(Ordering::Relaxed);
    println!(
        "{drains} drains: {sent} sent, {} came, {twice} twice",
        came()
    );
    assert_eq!((came(), twice), (sent, 0));
    consuming.iter().for_each(tokio::task::JoinHandle::abort);
}
