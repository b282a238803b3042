use crate::program::example;
use crate::work::{after, all_for_all, assert_same, consumer, stop_all, until_done};

/// Consumers come and go while jobs are created; each job is done once.
#[tokio::test]
async fn one_service_and_consumers_that_come_and_go() {
    let producer = example("jobcreator").args(["127.0.0.1:0"]).run();
    let address = producer.address("listening at ").await;
    let mut consumers = vec![consumer([address.as_str()]), consumer([address.as_str()])];
    let mut producers = [producer];
    all_for_all(&producers, &consumers).await;

    let mut done = stop_all(&mut consumers[..1], "did").await;
    consumers[0] = consumer([address.as_str()]);
    all_for_all(&producers, &consumers).await;

    let sent = stop_all(&mut producers, "sending").await;
    let lines = producers[0].lines();
    let closed = format!("closed, {} jobs sent, 0 unsent", sent.len());
    assert_eq!(after(&lines, "closed,").len(), 1);
    assert_eq!(lines.last().unwrap(), &closed);
    until_done(&consumers, sent.len(), done.len()).await;
    done.extend(stop_all(&mut consumers, "did").await);
    assert_same(sent, done);
}
