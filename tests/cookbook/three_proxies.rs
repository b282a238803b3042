use crate::program::{Program, example};
use crate::work::{after, all_for_all, assert_same, stop_all, until_done};

/// One of the proxies is stopped on the way: the others go on, and no job is
/// lost.
#[tokio::test]
async fn creators_and_workers_use_all_proxies() {
    let mut proxies = [(); 3].map(|()| example("proxy").args(["127.0.0.1:0", "127.0.0.1:0"]).run());
    let (mut for_creators, mut for_workers) = (Vec::new(), Vec::new());
    for proxy in &mut proxies {
        for_creators.push(proxy.address("creators: listening at ").await);
        for_workers.push(proxy.address("workers: listening at ").await);
    }
    // Two creators in step, each turn about with two workers, would each have
    // a worker of its own for good. Three of them change over at every turn.
    let mut creators = [(); 3].map(|()| named("dynamiccreator", &for_creators));
    let mut workers = [(); 2].map(|()| named("worker", &for_workers));
    all_for_all(&creators, &workers).await;

    let lines = proxies[0].stop().await;
    assert!(handed_on(&lines) > 0, "{lines:?}");
    let more = after(&workers[0].lines(), "did").len() + 10;
    workers[0]
        .until("10 more jobs", |lines| after(lines, "did").len() >= more)
        .await;

    let sent = stop_all(&mut creators, "sending").await;
    for proxy in &mut proxies[1..] {
        let lines = proxy.stop().await;
        assert!(handed_on(&lines) > 0, "{lines:?}");
    }
    until_done(&workers, sent.len(), 0).await;
    assert_same(sent, stop_all(&mut workers, "did").await);
}

/// A program that finds its proxies in the environment.
fn named(name: &str, addresses: &[String]) -> Program {
    example(name)
        .with("PROXY_HOSTNAMES", addresses.join(";"))
        .run()
}

/// From `closed, 9 jobs taken, 9 handed on, 0 unsent`.
fn handed_on(lines: &[String]) -> usize {
    let last = lines.last().map(String::as_str).unwrap_or_default();
    let number = |part: &str| part.split(' ').next()?.parse().ok();
    let numbers: Vec<usize> = last.split(", ").skip(1).filter_map(number).collect();
    match numbers[..] {
        [_, handed_on, 0] => handed_on,
        _ => panic!("a proxy ended with \"{last}\""),
    }
}
