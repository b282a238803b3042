use crate::program::example;
use crate::work::{all_for_all, assert_same, consumer, stop_all, until_done};

/// The same programs as for one service: each consumer connects to both.
#[tokio::test]
async fn two_services_and_consumers_for_both() {
    let mut producers = [(); 2].map(|()| example("jobcreator").args(["127.0.0.1:0"]).run());
    let one = producers[0].address("listening at ").await;
    let two = producers[1].address("listening at ").await;
    let mut consumers = [(); 2].map(|()| consumer([one.as_str(), two.as_str()]));
    all_for_all(&producers, &consumers).await;

    let sent = stop_all(&mut producers, "sending").await;
    until_done(&consumers, sent.len(), 0).await;
    assert_same(sent, stop_all(&mut consumers, "did").await);
}
