//! The main job of the library in one command: a producer, a proxy and
//! consumers, connected by TCP, and a check that every job was done exactly
//! once.
//!
//! ```text
//! cargo run --example main_job [JOBS]
//! ```
//!
//! ```text
//!                                        ┌─▶ consumer one
//!  producer ──▶ frontend ─proxy─ backend ─┤
//!                                        └─▶ consumer two
//! ```
//!
//! In part one, the same two consumers do all jobs. In part two, consumer two stops
//! in the middle, and consumer three takes its place. `dynamiccreator`, `proxy`
//! and `worker` are the same as separate programs.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use aiomsg::{Endpoint, SendMode, Socket};
use futures::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long each step of the shutdown may take.
const DEADLINE: Duration = Duration::from_secs(10);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let jobs: usize = std::env::args().nth(1).map_or(Ok(1000), |n| n.parse())?;
    let parts = async {
        println!("part one: {jobs} jobs, two consumers");
        part(jobs, false).await?;
        println!("\npart two: {jobs} jobs, a consumer is replaced in the middle");
        part(jobs, true).await
    };
    tokio::select! {
        done = parts => done,
        stop = tokio::signal::ctrl_c() => {
            stop?;
            Err("stopped before all jobs were done".into())
        }
    }
}

async fn part(jobs: usize, replace: bool) -> Result<()> {
    let proxy = Proxy::start().await?;
    let (done, mut results) = mpsc::channel(100);
    let one = Consumer::start("one", &proxy.consumers, &done)?;
    let mut two = Consumer::start("two", &proxy.consumers, &done)?;
    proxy.backend.wait_for_peers(2).await?;
    let producer = tokio::spawn(create(jobs, proxy.producers.clone()));

    let mut tally = Tally::default();
    while tally.results < jobs / 2 {
        let Some(result) = results.recv().await else {
            break;
        };
        tally.add(result, jobs);
    }
    // From here on results are counted in the background, because a stopping
    // consumer still has jobs to do.
    let counting = tokio::spawn(async move {
        while let Some(result) = results.recv().await {
            tally.add(result, jobs);
        }
        tally
    });
    if replace {
        println!("  stopping consumer two, starting consumer three");
        let three = Consumer::start("three", &proxy.consumers, &done)?;
        std::mem::replace(&mut two, three).stop().await?;
    }

    // From the source down, so that each end has sent everything before the
    // next one stops. The results end with the last consumer.
    producer.await??;
    proxy.stop().await?;
    one.stop().await?;
    two.stop().await?;
    drop(done);
    counting.await?.check(jobs)
}

/// Sends the jobs, each with its number.
async fn create(jobs: usize, proxy: Endpoint) -> Result<()> {
    let socket = Socket::new()?;
    socket.connect(proxy)?;
    socket.wait_for_peers(1).await?;
    for job in 0..jobs {
        socket.send_text(job.to_string()).await?;
        // Otherwise the consumers would have all jobs before one of them stops.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let report = socket.close(DEADLINE).await;
    match report.is_clean() {
        true => Ok(()),
        false => Err(format!("the producer kept {} jobs", report.unsent.len()).into()),
    }
}

// ===== the proxy =====

struct Proxy {
    frontend: Socket,
    backend: Socket,
    producers: Endpoint,
    consumers: Endpoint,
    relay: JoinHandle<std::result::Result<(), aiomsg::Error>>,
}

impl Proxy {
    async fn start() -> Result<Self> {
        let frontend = Socket::new()?;
        let backend = Socket::builder().send_mode(SendMode::RoundRobin).build()?;
        // The system chooses the ports.
        let producers = frontend.bind("127.0.0.1:0").await?;
        let consumers = backend.bind("127.0.0.1:0").await?;
        println!("  proxy: producers at {producers}, consumers at {consumers}");
        let relay = tokio::spawn(frontend.clone().forward(backend.clone()));
        Ok(Self {
            frontend,
            backend,
            producers,
            consumers,
            relay,
        })
    }

    async fn stop(self) -> Result<()> {
        self.frontend.close(DEADLINE).await;
        // The relay ends when it has forwarded everything that arrived.
        tokio::time::timeout(DEADLINE, self.relay).await???;
        let report = self.backend.close(DEADLINE).await;
        match report.is_clean() {
            true => Ok(()),
            false => Err(format!("the proxy kept {} jobs", report.unsent.len()).into()),
        }
    }
}

// ===== the consumers =====

/// The job that a consumer did.
type Done = (&'static str, String);

struct Consumer {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<()>>,
}

impl Consumer {
    fn start(name: &'static str, proxy: &Endpoint, done: &mpsc::Sender<Done>) -> Result<Self> {
        let socket = Socket::new()?;
        socket.connect(proxy.clone())?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(work(name, socket, done.clone(), stopped));
        Ok(Self { stop, task })
    }

    async fn stop(self) -> Result<()> {
        // An error means that the consumer has ended already. The next line says
        // why.
        let _ = self.stop.send(());
        self.task.await?
    }
}

async fn work(
    name: &'static str,
    socket: Socket,
    done: mpsc::Sender<Done>,
    mut stopped: oneshot::Receiver<()>,
) -> Result<()> {
    loop {
        let job = tokio::select! {
            job = socket.recv_text() => job?,
            _ = &mut stopped => break,
        };
        done.send((name, job)).await?;
    }
    // No other consumer gets the jobs that were sent to this one. Receiving while
    // the socket closes makes room for those that are still to come.
    let rest = async {
        while let Ok(job) = socket.recv_text().await {
            done.send((name, job)).await?;
        }
        Ok(())
    };
    let (finished, _) = tokio::join!(rest, socket.close(DEADLINE));
    finished
}

// ===== the check =====

#[derive(Default)]
struct Tally {
    results: usize,
    /// The number of times that each job was done.
    jobs: BTreeMap<String, usize>,
    /// The number of jobs of each consumer.
    consumers: BTreeMap<&'static str, usize>,
}

impl Tally {
    fn add(&mut self, (consumer, job): Done, expected: usize) {
        self.results += 1;
        *self.jobs.entry(job).or_default() += 1;
        *self.consumers.entry(consumer).or_default() += 1;
        if self.results.is_multiple_of(expected.div_ceil(4)) {
            println!("  {} of {expected} jobs done", self.results);
        }
    }

    fn check(&self, expected: usize) -> Result<()> {
        let lost = (0..expected).filter(|job| !self.jobs.contains_key(&job.to_string()));
        let lost = lost.count();
        let repeated = self.jobs.values().filter(|times| **times > 1).count();
        println!("  consumer | jobs");
        println!("  ---------|------");
        for (consumer, jobs) in &self.consumers {
            println!("  {consumer:<8} | {jobs}");
        }
        println!("  all      | {}", self.results);
        println!("  lost: {lost}, done more than once: {repeated}");
        if lost > 0 || repeated > 0 || self.results != expected {
            return Err("not every job was done exactly once".into());
        }
        println!("  every job was done exactly once");
        Ok(())
    }
}
