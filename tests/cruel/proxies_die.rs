//! Creators and workers with three proxies between them, each of which is
//! killed in its turn, under load, and comes back.
//!
//! At-most-once, with the example `proxy`. A killed proxy takes along the jobs
//! that were in it and in its connections. What is promised, and checked: no
//! job arrives twice; all that are missing were sent before their creator saw
//! the proxy die, and to that proxy; jobs go on through the other two meanwhile;
//! and when it is back, through all three, and none is missing.
//!
//! At-least-once, with the example `proxy_at_least_once`. No job is missing,
//! whenever the proxies die; some arrive twice. The creators never lose patience
//! here: with the five resends of the default, a job (or its acknowledgement) that
//! meets six proxies just before they are killed is handed back to its creator,
//! which is no loss and does happen in ten minutes.
//!
//! Proxies are processes. Creators and workers survive: they are sockets of
//! this process.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use aiomsg::{Delivery, Identity, Socket};
use tokio::time::sleep;

use crate::memory::Memory;
use crate::program::{Program, example};
use crate::schedule::{Schedule, address};
use crate::{PATIENCE, until, within};

const PROXIES: usize = 3;
const CREATORS: usize = 3;
const WORKERS: usize = 2;

/// Jobs of each creator in a part of a round.
const JOBS: usize = 150;

/// As many may be on their way, at-least-once: see `servers_die`.
const WINDOW: u64 = 1500;

/// Between two jobs of a creator.
const PAUSE: Duration = Duration::from_millis(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_most_once_only_what_was_in_a_killed_proxy_is_missing() {
    let mut schedule = Schedule::new("three proxies, at-most-once".to_owned());
    let mut memory = Memory::default();
    let mut proxies = Proxies::start("proxy").await;
    let creators = sockets(CREATORS, &proxies.for_creators, Socket::new);
    let workers = sockets(WORKERS, &proxies.for_workers, Socket::new);
    let mut jobs = Jobs::default();
    while !schedule.is_over() {
        all_connected(&creators, &workers, PROXIES).await;
        // All three work, and all that is sent arrives.
        let batch = jobs.send(&creators, JOBS).await;
        let paths = jobs.collect(&workers, &batch).await;
        assert_eq!(paths.len(), PROXIES, "each proxy has its part");

        let victim = schedule.pick(PROXIES);
        let after = Duration::from_millis(schedule.pick(JOBS) as u64);
        let kill = async {
            sleep(after).await;
            proxies.kill(victim).await;
            schedule.killed(&format!("proxy {victim}, {after:?} into a batch"));
            all_connected(&creators, &workers, PROXIES - 1).await;
        };
        // Until all have seen it die, whatever goes its way is lost.
        let meanwhile = jobs.send_until(&creators, kill).await;

        // With two, all that is sent arrives; and what went before has, by
        // then.
        let batch = jobs.send(&creators, JOBS).await;
        let paths = jobs.collect(&workers, &batch).await;
        assert_eq!(paths.len(), PROXIES - 1, "each of the others has its part");
        jobs.give_up(&meanwhile);
        proxies.restart(victim).await;
        if schedule.is_warm() {
            memory.begin();
        }
    }
    all_connected(&creators, &workers, PROXIES).await;
    let batch = jobs.send(&creators, JOBS).await;
    assert_eq!(jobs.collect(&workers, &batch).await.len(), PROXIES);
    let memory = match schedule.is_long() {
        true => memory.end(),
        false => String::new(),
    };
    let (sent, lost) = (jobs.next * CREATORS, jobs.lost.len());
    assert!(jobs.missing.is_empty());
    schedule.report(&format!(
        "{sent} jobs, {lost} lost, all of them in proxies, {memory}"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_least_once_nothing_is_missing() {
    let mut schedule = Schedule::new("three proxies, at-least-once".to_owned());
    let mut memory = Memory::default();
    let mut proxies = Proxies::start("proxy_at_least_once").await;
    let creators = sockets(CREATORS, &proxies.for_creators, || {
        Socket::builder()
            .at_least_once()
            .max_resends(u32::MAX)
            .build()
    });
    let workers = sockets(WORKERS, &proxies.for_workers, Socket::new);

    let over = Cell::new(false);
    let sent = Cell::new(0_u64);
    let arrived = RefCell::new(Arrived::default());
    let creating = async {
        while !over.get() {
            let all = sent.get() * CREATORS as u64;
            // What has just been sent may be there and not yet counted here.
            if all.saturating_sub(arrived.borrow().distinct) < WINDOW {
                for (n, creator) in creators.iter().enumerate() {
                    let job = format!("{n} {}", sent.get());
                    within("room", creator.send(job)).await.unwrap();
                }
                sent.set(sent.get() + 1);
            }
            sleep(PAUSE).await;
        }
    };
    let working = async {
        loop {
            let job = any(&workers).await;
            arrived.borrow_mut().note(&job);
        }
    };
    let killing = async {
        while !schedule.is_over() {
            let life = schedule.next_life();
            let victim = schedule.pick(PROXIES);
            sleep(life.length / 2).await;
            proxies.kill(victim).await;
            schedule.killed(&format!("proxy {victim}, {life:?}"));
            // Jobs go on meanwhile.
            let count = arrived.borrow().distinct;
            until("jobs through the others", || {
                arrived.borrow().distinct > count + 10
            })
            .await;
            sleep(life.pause).await;
            proxies.restart(victim).await;
            if schedule.is_warm() {
                memory.begin();
            }
        }
        over.set(true);
        until("all jobs", || {
            arrived.borrow().distinct == sent.get() * CREATORS as u64
        })
        .await;
        until("the last acknowledgements", || {
            creators
                .iter()
                .all(|it| it.stats().unacknowledged_messages == 0)
        })
        .await;
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(creating, killing) } => {}
        () = working => unreachable!("it works for ever"),
    }
    for proxy in proxies.running.iter_mut().flatten() {
        let lines = proxy.stop().await;
        assert!(lines.last().unwrap().ends_with(", 0 unsent"), "{lines:?}");
    }
    for creator in &creators {
        assert_eq!(creator.stats().dropped_messages, 0);
        let report = within("close", creator.close(PATIENCE)).await;
        assert!(report.is_clean(), "{report:?}");
    }
    let memory = match schedule.is_long() {
        true => memory.end(),
        false => String::new(),
    };
    let Arrived { distinct, all, .. } = arrived.into_inner();
    let twice = all - distinct;
    schedule.report(&format!(
        "{distinct} jobs, {twice} duplicates, 0 lost, {memory}"
    ));
}

// ===== proxies =====

/// Three proxies, each of which comes back where it was.
struct Proxies {
    example: &'static str,
    running: Vec<Option<Program>>,
    for_creators: Vec<String>,
    for_workers: Vec<String>,
}

impl Proxies {
    async fn start(example: &'static str) -> Self {
        let mut proxies = Self {
            example,
            running: Vec::new(),
            for_creators: (0..PROXIES).map(|_| address()).collect(),
            for_workers: (0..PROXIES).map(|_| address()).collect(),
        };
        for n in 0..PROXIES {
            proxies.running.push(None);
            proxies.restart(n).await;
        }
        proxies
    }

    async fn restart(&mut self, n: usize) {
        let addresses = [&self.for_creators[n], &self.for_workers[n]];
        let proxy = example(self.example)
            .args(addresses.map(String::as_str))
            .run();
        proxy.line("consumers: listening at ").await;
        self.running[n] = Some(proxy);
    }

    async fn kill(&mut self, n: usize) {
        self.running[n].take().unwrap().kill().await;
    }
}

/// Sockets that are connected to all these addresses.
fn sockets(
    count: usize,
    addresses: &[String],
    build: impl Fn() -> Result<Socket, aiomsg::Error>,
) -> Vec<Socket> {
    let connected = |_| {
        let socket = build().unwrap();
        for address in addresses {
            socket.connect(address).unwrap();
        }
        socket
    };
    (0..count).map(connected).collect()
}

/// Waits until all see as many proxies, and no more.
async fn all_connected(creators: &[Socket], workers: &[Socket], proxies: usize) {
    until("all connections", || {
        let mut all = creators.iter().chain(workers);
        all.all(|it| it.stats().peers == proxies)
    })
    .await;
}

/// The next job of any worker.
async fn any(workers: &[Socket]) -> Delivery {
    let jobs = workers.iter().map(|it| Box::pin(it.recv_message()));
    futures::future::select_all(jobs).await.0.unwrap()
}

// ===== jobs, at most once =====

/// A job: who created it, and its number there.
type Job = (usize, usize);

#[derive(Default)]
struct Jobs {
    /// The number of the next job of each creator.
    next: usize,
    /// Those that have not arrived.
    missing: BTreeSet<Job>,
    /// Those that will not.
    lost: BTreeSet<Job>,
}

impl Jobs {
    /// Each creator sends as many jobs.
    async fn send(&mut self, creators: &[Socket], count: usize) -> BTreeSet<Job> {
        let mut batch = BTreeSet::new();
        for _ in 0..count {
            batch.append(&mut self.send_one_each(creators).await);
        }
        batch
    }

    /// They go on sending until something is done.
    async fn send_until(
        &mut self,
        creators: &[Socket],
        done: impl Future<Output = ()>,
    ) -> BTreeSet<Job> {
        let is_done = Cell::new(false);
        let done = async {
            done.await;
            is_done.set(true);
        };
        let sending = async {
            let mut batch = BTreeSet::new();
            while !is_done.get() {
                batch.append(&mut self.send_one_each(creators).await);
            }
            batch
        };
        tokio::join!(done, sending).1
    }

    async fn send_one_each(&mut self, creators: &[Socket]) -> BTreeSet<Job> {
        let number = self.next;
        self.next += 1;
        let mut batch = BTreeSet::new();
        for (n, creator) in creators.iter().enumerate() {
            self.missing.insert((n, number));
            batch.insert((n, number));
            let job = format!("{n} {number}");
            within("room", creator.send(job)).await.unwrap();
        }
        sleep(PAUSE).await;
        batch
    }

    /// Waits until this batch has arrived, and says by which proxies.
    async fn collect(&mut self, workers: &[Socket], batch: &BTreeSet<Job>) -> BTreeSet<Identity> {
        let mut paths = BTreeSet::new();
        within("the batch", async {
            while batch.iter().any(|job| self.missing.contains(job)) {
                let job = any(workers).await;
                if batch.contains(&parse(&job)) {
                    paths.insert(job.from().clone());
                }
                self.arrived(&job);
            }
        })
        .await;
        paths
    }

    fn arrived(&mut self, job: &Delivery) {
        let job = parse(job);
        let awaited = self.missing.remove(&job) || self.lost.remove(&job);
        assert!(awaited, "{job:?} arrived twice");
    }

    /// What is missing of this batch is lost. It all went the same way: each
    /// creator sends every third job to the same proxy, as long as it sees
    /// three.
    fn give_up(&mut self, batch: &BTreeSet<Job>) {
        for creator in 0..CREATORS {
            let missing = batch.intersection(&self.missing);
            let numbers = missing.filter(|job| job.0 == creator).map(|job| job.1);
            let ways: BTreeSet<_> = numbers.map(|number| number % PROXIES).collect();
            assert!(ways.len() <= 1, "creator {creator} lost jobs of {ways:?}");
        }
        let lost = batch.iter().filter(|job| self.missing.remove(job));
        self.lost.extend(lost);
    }
}

fn parse(job: &Delivery) -> Job {
    let text = std::str::from_utf8(job.payload()).unwrap();
    let (creator, number) = text.split_once(' ').unwrap();
    (creator.parse().unwrap(), number.parse().unwrap())
}

// ===== jobs, at least once =====

/// Which jobs have arrived. Those below a number of which all have are not
/// kept, so that a long run takes no more memory than a short one.
#[derive(Default)]
struct Arrived {
    all: u64,
    distinct: u64,
    of: BTreeMap<usize, Window>,
}

#[derive(Default)]
struct Window {
    below: usize,
    above: BTreeSet<usize>,
}

impl Arrived {
    fn note(&mut self, job: &Delivery) {
        let (creator, number) = parse(job);
        let window = self.of.entry(creator).or_default();
        self.all += 1;
        if number >= window.below && window.above.insert(number) {
            self.distinct += 1;
        }
        while window.above.remove(&window.below) {
            window.below += 1;
        }
    }
}
