use crate::program::example;
use crate::work::{all_for_all, assert_same, stop_all, until_done, worker};

#[tokio::test]
async fn three_creators_a_proxy_and_two_workers() {
    let mut proxy = example("proxy").args(["127.0.0.1:0", "127.0.0.1:0"]).run();
    let for_creators = proxy.address("creators: listening at ").await;
    let for_workers = proxy.address("workers: listening at ").await;
    let mut creators = [(); 3].map(|()| {
        example("dynamiccreator")
            .args([for_creators.as_str()])
            .run()
    });
    let mut workers = [(); 2].map(|()| worker([for_workers.as_str()]));
    all_for_all(&creators, &workers).await;

    let sent = stop_all(&mut creators, "sending").await;
    let lines = proxy.stop().await;
    let count = sent.len();
    assert_eq!(
        lines.last().unwrap(),
        &format!("closed, {count} jobs taken, {count} handed on, 0 unsent")
    );
    until_done(&workers, count, 0).await;
    assert_same(sent, stop_all(&mut workers, "did").await);
}

/// Without a worker the proxy keeps the jobs, and says how many at the end.
#[tokio::test]
async fn a_proxy_without_workers_reports_what_it_kept() {
    let mut proxy = example("proxy").args(["127.0.0.1:0", "127.0.0.1:0"]).run();
    let for_creators = proxy.address("creators: listening at ").await;
    let mut creator = example("dynamiccreator")
        .args([for_creators.as_str()])
        .with("COUNT", 5)
        .run();
    let lines = creator.end().await;
    assert_eq!(lines.last().unwrap(), "closed, 5 jobs sent, 0 unsent");
    let lines = proxy.stop().await;
    let closed = "closed, 5 jobs taken, 0 handed on, 5 unsent";
    assert_eq!(lines.last().unwrap(), closed);
}
