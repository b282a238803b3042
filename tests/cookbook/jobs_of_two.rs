use crate::program::example;
use crate::work::{all_for_all, assert_same, stop_all, until_done, worker};

/// The same programs as for one service: each worker connects to both.
#[tokio::test]
async fn two_services_and_workers_for_both() {
    let mut creators = [(); 2].map(|()| example("jobcreator").args(["127.0.0.1:0"]).run());
    let one = creators[0].address("listening at ").await;
    let two = creators[1].address("listening at ").await;
    let mut workers = [(); 2].map(|()| worker([one.as_str(), two.as_str()]));
    all_for_all(&creators, &workers).await;

    let sent = stop_all(&mut creators, "sending").await;
    until_done(&workers, sent.len(), 0).await;
    assert_same(sent, stop_all(&mut workers, "did").await);
}
