use crate::program::example;
use crate::work::{all_for_all, assert_same, consumer, stop_all, until_done};

#[tokio::test]
async fn three_producers_a_proxy_and_two_consumers() {
    let mut proxy = example("proxy").args(["127.0.0.1:0", "127.0.0.1:0"]).run();
    let for_producers = proxy.address("producers: listening at ").await;
    let for_consumers = proxy.address("consumers: listening at ").await;
    let mut producers = [(); 3].map(|()| {
        example("dynamiccreator")
            .args([for_producers.as_str()])
            .run()
    });
    let mut consumers = [(); 2].map(|()| consumer([for_consumers.as_str()]));
    all_for_all(&producers, &consumers).await;

    let sent = stop_all(&mut producers, "sending").await;
    let lines = proxy.stop().await;
    let count = sent.len();
    assert_eq!(
        lines.last().unwrap(),
        &format!("closed, {count} jobs taken, {count} forwarded, 0 unsent")
    );
    until_done(&consumers, count, 0).await;
    assert_same(sent, stop_all(&mut consumers, "did").await);
}

/// Without a consumer the proxy keeps the jobs, and says how many at the end.
#[tokio::test]
async fn a_proxy_without_consumers_reports_what_it_kept() {
    let mut proxy = example("proxy").args(["127.0.0.1:0", "127.0.0.1:0"]).run();
    let for_producers = proxy.address("producers: listening at ").await;
    let mut producer = example("dynamiccreator")
        .args([for_producers.as_str()])
        .with("COUNT", 5)
        .run();
    let lines = producer.end().await;
    assert_eq!(lines.last().unwrap(), "closed, 5 jobs sent, 0 unsent");
    let lines = proxy.stop().await;
    let closed = "closed, 5 jobs taken, 0 forwarded, 5 unsent";
    assert_eq!(lines.last().unwrap(), closed);
}
