//! Producers and consumers with three proxies between them, each of which is killed
//! in its turn, under load, and comes back. Nothing is lost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU16, Ordering};

use futures::future::select_all;

use super::*;

const PRODUCERS: usize = 2;

/// Between two jobs of a producer.
const BETWEEN: Duration = Duration::from_millis(1);

/// As many of a producer's may be on their way: what a proxy had is sent again
/// when its time is up, and that is not to be all there is.
const WINDOW: usize = 500;

/// Three proxies, each of which comes back where it was.
pub(crate) struct Three {
    programs: Vec<Program>,
    /// For producers, and for consumers.
    pub(crate) addresses: Vec<(String, String)>,
}

impl Three {
    pub(crate) async fn start() -> Self {
        let addresses: Vec<_> = (0..3).map(|_| (address(), address())).collect();
        let mut programs = Vec::new();
        for addresses in &addresses {
            programs.push(start(addresses).await);
        }
        Self {
            programs,
            addresses,
        }
    }

    pub(crate) async fn kill(&mut self, n: usize) {
        self.programs[n].kill().await;
    }

    pub(crate) async fn restart(&mut self, n: usize) {
        self.programs[n] = start(&self.addresses[n]).await;
    }

    /// Ends them in good order.
    pub(crate) async fn stop(self) {
        for program in self.programs {
            let ended = program.stop().await;
            assert_eq!(ended.code, Some(0), "{ended:?}");
        }
    }
}

/// An address of the loopback interface whose port the system gives to nobody
/// who asks for any: the others dial it while nobody listens.
pub(crate) fn address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = (std::process::id() % 190) as u16 * 100;
    for _ in 0..19_000 {
        let port = 11_000 + (base + NEXT.fetch_add(1, Ordering::Relaxed)) % 19_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return format!("tcp://127.0.0.1:{port}");
        }
    }
    panic!("no port is free");
}

async fn start((frontend, backend): &(String, String)) -> Program {
    let sides = ["--frontend", frontend, "--backend", backend];
    let program = Program::start([&["proxy", "--at-least-once", "both"][..], &sides[..]].concat());
    program.after("frontend: listening at ").await;
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_three_proxies_is_killed_and_nothing_is_lost() {
    let mut proxies = Three::start().await;
    let addresses = proxies.addresses.clone();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let limits = aiomsg::Limits {
                items: WINDOW,
                bytes: 1 << 20,
            };
            let socket = Socket::builder()
                .at_least_once()
                .ack_timeout(Duration::from_millis(500))
                .max_resends(u32::MAX)
                .unacknowledged_limits(limits)
                .reconnect_delay(|_| Duration::from_millis(20))
                .build()
                .unwrap();
            addresses
                .iter()
                .for_each(|it| socket.connect(&*it.0).unwrap());
            socket
        })
        .collect();
    let consumers: Vec<_> = (0..2)
        .map(|_| {
            let socket = Socket::builder()
                .reconnect_delay(|_| Duration::from_millis(20))
                .build()
                .unwrap();
            addresses
                .iter()
                .for_each(|it| socket.connect(&*it.1).unwrap());
            socket
        })
        .collect();
    let all_connected = async |count| {
        until("all connections", || {
            let mut all = producers.iter().chain(&consumers);
            all.all(|it| it.stats().peers == count)
        })
        .await;
    };
    all_connected(3).await;

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let sending: Vec<_> = producers
        .iter()
        .cloned()
        .enumerate()
        .map(|(name, producer)| {
            let stopped = stopped.clone();
            tokio::spawn(async move {
                let mut next = 0;
                while !*stopped.borrow() {
                    producer.send(format!("{name} {next}")).await.unwrap();
                    next += 1;
                    sleep(BETWEEN).await;
                }
                next
            })
        })
        .collect();
    let (count, arrived) = tokio::sync::watch::channel(BTreeSet::new());
    let receiving = tokio::spawn({
        let consumers = consumers.clone();
        async move {
            loop {
                let jobs = consumers.iter().map(|it| Box::pin(it.recv_text()));
                let job = select_all(jobs).await.0.unwrap();
                count.send_modify(|all| {
                    all.insert(job);
                });
            }
        }
    });
    let more = async |jobs: usize| {
        let before = arrived.borrow().len();
        let mut arrived = arrived.clone();
        within("jobs", arrived.wait_for(|all| all.len() >= before + jobs))
            .await
            .unwrap();
    };
    for n in 0..3 {
        more(100).await;
        proxies.kill(n).await;
        all_connected(2).await;
        more(100).await;
        proxies.restart(n).await;
        all_connected(3).await;
    }
    more(100).await;
    stop.send_replace(true);
    let mut sent = BTreeSet::new();
    for (name, sending) in sending.into_iter().enumerate() {
        let count = within("the last jobs", sending).await.unwrap();
        sent.extend((0..count).map(|n| format!("{name} {n}")));
    }
    until("all acknowledgements", || {
        producers
            .iter()
            .all(|it| it.stats().unacknowledged_messages == 0)
    })
    .await;
    until("all jobs", || arrived.borrow().len() == sent.len()).await;
    assert!(*arrived.borrow() == sent, "what arrived is what was sent");
    assert!(producers.iter().all(|it| it.stats().dropped_messages == 0));
    receiving.abort();
    proxies.stop().await;
}
