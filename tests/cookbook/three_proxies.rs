use crate::program::{Program, example};
use crate::work::{after, all_for_all, assert_same, stop_all, until_done};

/// One of the proxies is stopped on the way: the others go on, and no job is
/// lost.
#[tokio::test]
async fn producers_and_consumers_use_all_proxies() {
    let mut proxies = [(); 3].map(|()| example("proxy").args(["127.0.0.1:0", "127.0.0.1:0"]).run());
    let (mut for_producers, mut for_consumers) = (Vec::new(), Vec::new());
    for proxy in &mut proxies {
        for_producers.push(proxy.address("producers: listening at ").await);
        for_consumers.push(proxy.address("consumers: listening at ").await);
    }
    // Two producers in step, each turn about with two consumers, would each have
    // a consumer of its own for good. Three of them change over at every turn.
    let mut producers = [(); 3].map(|()| named("dynamiccreator", &for_producers));
    let mut consumers = [(); 2].map(|()| named("worker", &for_consumers));
    all_for_all(&producers, &consumers).await;

    let lines = proxies[0].stop().await;
    assert!(forwarded(&lines) > 0, "{lines:?}");
    let more = after(&consumers[0].lines(), "did").len() + 10;
    consumers[0]
        .until("10 more jobs", |lines| after(lines, "did").len() >= more)
        .await;

    let sent = stop_all(&mut producers, "sending").await;
    for proxy in &mut proxies[1..] {
        let lines = proxy.stop().await;
        assert!(forwarded(&lines) > 0, "{lines:?}");
    }
    until_done(&consumers, sent.len(), 0).await;
    assert_same(sent, stop_all(&mut consumers, "did").await);
}

/// A program that finds its proxies in the environment.
fn named(name: &str, addresses: &[String]) -> Program {
    example(name)
        .with("PROXY_HOSTNAMES", addresses.join(";"))
        .run()
}

/// From `closed, 9 jobs taken, 9 forwarded, 0 unsent`.
fn forwarded(lines: &[String]) -> usize {
    let last = lines.last().map(String::as_str).unwrap_or_default();
    let number = |part: &str| part.split(' ').next()?.parse().ok();
    let numbers: Vec<usize> = last.split(", ").skip(1).filter_map(number).collect();
    match numbers[..] {
        [_, forwarded, 0] => forwarded,
        _ => panic!("a proxy ended with \"{last}\""),
    }
}
