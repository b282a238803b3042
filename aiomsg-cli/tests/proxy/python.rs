//! Real Python producers and consumers of both versions, with the proxy between
//! them.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc;

use super::*;
use crate::proxies_die::Three;
use crate::support::python::{Script, Version};

const VERSIONS: [Version; 2] = [Version::V2019, Version::V2026];

/// As Python programs are given it.
fn address(endpoint: &str) -> &str {
    endpoint.strip_prefix("tcp://").unwrap()
}

const JOBS: usize = 500;

/// Two consumers of each version, that the proxy knows of.
async fn consumers(proxy: &Proxy, flags: &[&str]) -> Vec<Script> {
    let mut consumers = Vec::new();
    for version in [VERSIONS, VERSIONS].concat() {
        let args = [&[address(&proxy.backend)][..], flags].concat();
        consumers.push(Script::start(version, "worker.py", args).await);
    }
    proxy.until("aiomsg_peers{side=\"backend\"}", 4.0).await;
    consumers
}

/// A producer of each version. Both number their jobs from 0.
async fn producers(proxy: &Proxy, flags: &[&str]) -> Vec<Script> {
    let jobs = JOBS.to_string();
    let mut producers = Vec::new();
    for version in VERSIONS {
        let args = [&[&*jobs, address(&proxy.frontend)][..], flags].concat();
        producers.push(Script::start(version, "jobcreator.py", args).await);
    }
    producers
}

/// Says which jobs a consumer does, for as long as anybody listens.
async fn report(consumer: Script, job: mpsc::Sender<String>) {
    while let Some(line) = consumer.try_line_for(PATIENCE).await {
        let name = line["job"].as_str().unwrap().to_owned();
        if job.send(name).await.is_err() {
            return;
        }
    }
}

/// Stops the proxy, which has handed all jobs on.
async fn all_forwarded(proxy: Proxy) {
    let metric = "aiomsg_proxy_forwarded_total{direction=\"onward\"}";
    proxy.until(metric, 2.0 * JOBS as f64).await;
    let ended = proxy.program.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.report().contains("1000 forwarded"), "{ended:?}");
}

/// Each job is worked once, and the consumers have equal shares.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_both_versions_to_consumers_of_both_versions() {
    let proxy = Proxy::start(&[]).await;
    let consumers = consumers(&proxy, &[]).await;
    let _producers = producers(&proxy, &[]).await;
    let mut worked = BTreeMap::new();
    for consumer in &consumers {
        for _ in 0..2 * JOBS / consumers.len() {
            *worked.entry(consumer.job().await).or_insert(0) += 1;
        }
    }
    assert_eq!(worked.len(), JOBS);
    assert!(worked.values().all(|times| *times == 2), "{worked:?}");
    all_forwarded(proxy).await;
}

/// Acknowledged by consumers of both versions to producers of both versions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_both_versions_at_least_once() {
    let flags = ["--at-least-once"];
    let proxy = Proxy::start(&["--at-least-once", "both"]).await;
    let consumers = consumers(&proxy, &flags).await;
    let _producers = producers(&proxy, &flags).await;
    let (job, mut jobs) = mpsc::channel(16);
    for consumer in consumers {
        tokio::spawn(report(consumer, job.clone()));
    }
    let mut worked = BTreeMap::new();
    // One may be worked twice, if its acknowledgement is late.
    while worked.len() < JOBS || worked.values().any(|times| *times < 2) {
        let job = within("a job", jobs.recv()).await.unwrap();
        *worked.entry(job).or_insert(0) += 1;
    }
    all_forwarded(proxy).await;
}

/// Producers and consumers of both versions, and three proxies, each of which is
/// killed in its turn. Nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_three_proxies_is_killed_between_programs_of_both_versions() {
    const JOBS: usize = 400;
    let mut proxies = Three::start().await;
    let (front, back): (Vec<_>, Vec<_>) = proxies.addresses.iter().cloned().unzip();
    let (job, mut jobs) = mpsc::channel(16);
    for version in VERSIONS {
        let args = back.iter().map(|it| address(it)).chain(["--at-least-once"]);
        let consumer = Script::start(version, "worker.py", args).await;
        tokio::spawn(report(consumer, job.clone()));
    }
    let (count, mut producers, mut expected) = (JOBS.to_string(), Vec::new(), BTreeSet::new());
    for version in VERSIONS {
        let name = version.as_str();
        let options = ["--at-least-once", "--interval", "0.005", "--name", name];
        let args = front.iter().map(|it| address(it)).chain(options);
        let args = std::iter::once(&*count).chain(args);
        producers.push(Script::start(version, "jobcreator.py", args).await);
        expected.extend((0..JOBS).map(|n| format!("{name}-{n:05}")));
    }
    let mut worked = BTreeSet::new();
    let mut more = async |jobs_more: usize| {
        let enough = expected.len().min(worked.len() + jobs_more);
        while worked.len() < enough {
            worked.insert(within("a job", jobs.recv()).await.unwrap());
        }
    };
    for n in 0..3 {
        more(100).await;
        proxies.kill(n).await;
        more(100).await;
        proxies.restart(n).await;
    }
    more(expected.len()).await;
    assert_eq!(worked, expected);
    for producer in &mut producers {
        producer.close().await;
    }
    proxies.stop().await;
}

/// Replies of consumers of both versions, to producers of both versions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_come_back_to_producers_of_both_versions() {
    const QUESTIONS: usize = 100;
    let proxy = Proxy::start(&["--replies"]).await;
    let mut consumers = Vec::new();
    for version in VERSIONS {
        let args = ["--connect", address(&proxy.backend)];
        consumers.push(Script::start(version, "answerer.py", args).await);
    }
    proxy.until("aiomsg_peers{side=\"backend\"}", 2.0).await;
    let questions = QUESTIONS.to_string();
    let mut producers = Vec::new();
    for version in VERSIONS {
        let args = [&*questions, "--connect", address(&proxy.frontend)];
        producers.push(Script::start(version, "asker.py", args).await);
    }
    for producer in &producers {
        for n in 0..QUESTIONS {
            let line = producer.line().await;
            assert_eq!(line["question"], format!("question {n}"));
            assert_eq!(line["answer"], format!("QUESTION {n}"));
        }
    }
    let ended = proxy.program.stop().await;
    let replies = format!("  replies: {0} taken, {0} forwarded", 2 * QUESTIONS);
    assert!(ended.lines.contains(&replies), "{ended:?}");
}
