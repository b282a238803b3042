//! Our proxy between the cookbook's programs: job creators and workers of the
//! real libraries, unchanged.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aiomsg::DeliveryGuarantee;
use futures::StreamExt;
use tokio::task::JoinHandle;

use super::*;
use crate::support::python::Script;

/// What ends a worker's list of jobs.
const END: &str = "end";

/// Two sockets, and one line that makes a proxy of them.
struct Proxy {
    frontend: Socket,
    backend: Socket,
    for_creators: String,
    for_workers: String,
    relay: JoinHandle<Result<(), aiomsg::Error>>,
}

impl Proxy {
    async fn start(guarantee: DeliveryGuarantee) -> Self {
        let frontend = Socket::new().unwrap();
        let backend = Socket::builder()
            .delivery_guarantee(guarantee)
            .ack_timeout(Duration::from_secs(1))
            .build()
            .unwrap();
        let for_creators = address(&frontend.bind(LOOPBACK).await.unwrap());
        let for_workers = address(&backend.bind(LOOPBACK).await.unwrap());
        let relay = tokio::spawn(frontend.clone().forward(backend.clone()));
        Self {
            frontend,
            backend,
            for_creators,
            for_workers,
            relay,
        }
    }

    /// A worker that is connected, and its identity.
    async fn worker(&self, version: Version, flags: &[&str]) -> (Script, Identity) {
        let before = self.workers();
        let args = [&[self.for_workers.as_str()], flags].concat();
        let worker = Script::start(version, "worker.py", args).await;
        connected(&self.backend, before.len() + 1).await;
        let mut new = self.workers();
        new.retain(|worker| !before.contains(worker));
        (worker, new.remove(0))
    }

    fn workers(&self) -> Vec<Identity> {
        let peers = self.backend.peers();
        peers.into_iter().map(|peer| peer.identity).collect()
    }

    async fn creator(&self, version: Version, jobs: usize, flags: &[&str]) -> Script {
        let jobs = jobs.to_string();
        let args = [&[jobs.as_str(), &self.for_creators], flags].concat();
        Script::start(version, "jobcreator.py", args).await
    }

    /// Waits until this number of jobs came and all are with the workers, and
    /// then tells each worker that there are no more.
    async fn finish(mut self, creator: &Script, jobs: usize) {
        let arrived = || self.frontend.stats().received_messages;
        let all = async {
            while arrived() < jobs as u64 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        if timeout(PATIENCE, all).await.is_err() {
            let (peers, stats) = (self.frontend.peers(), self.frontend.stats());
            panic!(
                "{} of {jobs} jobs arrived, from {peers:?}, {stats:?}; the creator says:\n{}",
                arrived(),
                creator.stderr()
            );
        }
        assert_eq!(arrived(), jobs as u64, "a job came twice");
        // The relay goes on until what had arrived is through.
        let report = within("close", self.frontend.close(PATIENCE)).await;
        assert!(report.is_clean(), "{report:?}");
        within("the relay", &mut self.relay).await.unwrap().unwrap();
        for worker in self.workers() {
            self.backend.send_to(worker, END).await.unwrap();
        }
        let report = within("close", self.backend.close(PATIENCE)).await;
        assert!(report.is_clean(), "{report:?}");
    }
}

fn number(job: &str) -> usize {
    let number = job.strip_prefix("job-").expect("a job of jobcreator.py");
    number.parse().unwrap()
}

/// The worker's jobs, up to the end.
async fn all_jobs(worker: &Script) -> Vec<usize> {
    let mut jobs = Vec::new();
    loop {
        match worker.job().await.as_str() {
            END => return jobs,
            job => jobs.push(number(job)),
        }
    }
}

/// Kills the worker, and returns what it had worked by then.
async fn killed(mut worker: Script, mut jobs: Vec<usize>) -> Vec<usize> {
    worker.kill().await;
    while let Some(line) = worker.try_line_for(PATIENCE).await {
        jobs.push(number(line["job"].as_str().unwrap()));
    }
    jobs
}

// ===== no mishaps =====

/// Each job is worked exactly once, and every worker has the same share. To
/// the very job, not just about: the workers are all there before the first
/// job, their shares (2,500) are far below what may wait for one peer (8,192),
/// so none is ever passed over, and 4 divides 10,000.
async fn ten_thousand_jobs(creator: Version, workers: [Version; 4]) {
    const JOBS: usize = 10_000;
    let proxy = Proxy::start(DeliveryGuarantee::AtMostOnce).await;
    let mut scripts = Vec::new();
    for version in workers {
        scripts.push(proxy.worker(version, &[]).await.0);
    }
    let creator = proxy.creator(creator, JOBS, &[]).await;
    proxy.finish(&creator, JOBS).await;

    let mut worked = Vec::new();
    for script in &scripts {
        let jobs = all_jobs(script).await;
        assert_eq!(jobs.len(), JOBS / workers.len());
        assert!(jobs.is_sorted());
        worked.extend(jobs);
    }
    worked.sort_unstable();
    assert!(worked.into_iter().eq(0..JOBS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_jobs_of_2019() {
    ten_thousand_jobs(Version::V2019, [Version::V2019; 4]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_jobs_with_workers_of_both_versions() {
    use Version::{V2019, V2026};
    ten_thousand_jobs(V2026, [V2019, V2026, V2019, V2026]).await;
}

// ===== a worker is killed =====

/// Which versions take part.
#[derive(Clone, Copy)]
struct Cast {
    creator: Version,
    victim: Version,
    witness: Version,
    successor: Version,
}

const ONLY_2019: Cast = Cast {
    creator: Version::V2019,
    victim: Version::V2019,
    witness: Version::V2019,
    successor: Version::V2019,
};

const BOTH_VERSIONS: Cast = Cast {
    creator: Version::V2019,
    victim: Version::V2026,
    witness: Version::V2019,
    successor: Version::V2026,
};

/// Jobs in all, at about one each millisecond.
const JOBS: usize = 3000;

/// How many of them the victim works before it is killed.
const BEFORE_ITS_DEATH: usize = 200;

/// No job is worked twice. Those that are lost are those that had left for the
/// victim already and that it had not come to.
async fn killed_at_most_once(cast: Cast) {
    let proxy = Proxy::start(DeliveryGuarantee::AtMostOnce).await;
    let mut events = proxy.backend.events();
    let (victim, name) = proxy.worker(cast.victim, &[]).await;
    let (witness, _) = proxy.worker(cast.witness, &[]).await;
    let every = ["--interval", "0.001"];
    let creator = proxy.creator(cast.creator, JOBS, &every).await;

    let mut before = Vec::new();
    while before.len() < BEFORE_ITS_DEATH {
        before.push(number(&victim.job().await));
    }
    let before = killed(victim, before).await;
    down(&mut events, &name).await;
    let (successor, _) = proxy.worker(cast.successor, &[]).await;
    proxy.finish(&creator, JOBS).await;
    let by_witness = all_jobs(&witness).await;
    let by_successor = all_jobs(&successor).await;
    assert!(!by_successor.is_empty());

    let worked: Vec<_> = [&before[..], &by_witness, &by_successor].concat();
    let distinct: BTreeSet<_> = worked.iter().copied().collect();
    assert_eq!(worked.len(), distinct.len(), "a job was worked twice");

    // The two took turns, so the victim's jobs are every second one, without a
    // gap; the lost ones go on in the same way where it stopped, until the
    // first that had not left. That one and all later ones went to others.
    assert!(before.windows(2).all(|pair| pair[1] == pair[0] + 2));
    let lost: Vec<_> = (0..JOBS).filter(|job| !distinct.contains(job)).collect();
    let turns = (before[before.len() - 1] + 2..).step_by(2);
    assert!(
        lost.iter().copied().eq(turns.take(lost.len())),
        "lost: {lost:?}, the victim's last: {:?}",
        before.last()
    );
    println!("{} jobs lost with the worker", lost.len());
    // Had the dead connection gone on swallowing jobs until it timed out, it
    // would have been every second one of the 2,600 that were left.
    assert!(lost.len() < 650, "{} jobs lost", lost.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_of_2019_takes_only_what_it_had() {
    killed_at_most_once(ONLY_2019).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_among_both_versions_takes_only_what_it_had() {
    killed_at_most_once(BOTH_VERSIONS).await;
}

/// Every job is worked by somebody: what the victim has not acknowledged, and
/// it acknowledges after its work, is given to others.
async fn killed_at_least_once(cast: Cast) {
    let flag = "--at-least-once";
    let proxy = Proxy::start(DeliveryGuarantee::AtLeastOnce).await;
    let mut events = proxy.backend.events();
    let (victim, name) = proxy.worker(cast.victim, &[flag]).await;
    let (witness, _) = proxy.worker(cast.witness, &[flag]).await;
    let flags = [flag, "--interval", "0.001"];
    let _creator = proxy.creator(cast.creator, JOBS, &flags).await;

    let mut before = Vec::new();
    while before.len() < BEFORE_ITS_DEATH {
        before.push(number(&victim.job().await));
    }
    let before = killed(victim, before).await;
    down(&mut events, &name).await;
    let (successor, _) = proxy.worker(cast.successor, &[flag]).await;

    let worked = Arc::new(Mutex::new(BTreeSet::from_iter(before)));
    let lists = [witness, successor].map(|worker| {
        let worked = Arc::clone(&worked);
        tokio::spawn(async move {
            while let Some(line) = worker.try_line_for(PATIENCE).await {
                let job = number(line["job"].as_str().unwrap());
                worked.lock().unwrap().insert(job);
            }
        })
    });
    until("all jobs to be worked", || {
        worked.lock().unwrap().len() == JOBS
    })
    .await;
    until("all acknowledgements", || {
        proxy.backend.stats().unacknowledged_messages == 0
    })
    .await;
    assert_eq!(proxy.backend.stats().dropped_messages, 0);
    for list in lists {
        list.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_of_2019_that_acknowledges_takes_nothing() {
    killed_at_least_once(ONLY_2019).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_among_both_versions_that_acknowledges_takes_nothing() {
    killed_at_least_once(BOTH_VERSIONS).await;
}
