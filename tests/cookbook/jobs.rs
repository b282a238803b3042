use crate::program::example;
use crate::work::{after, all_for_all, assert_same, stop_all, until_done, worker};

/// Workers come and go while jobs are created; each job is done once.
#[tokio::test]
async fn one_service_and_workers_that_come_and_go() {
    let creator = example("jobcreator").args(["127.0.0.1:0"]).run();
    let address = creator.address("listening at ").await;
    let mut workers = vec![worker([address.as_str()]), worker([address.as_str()])];
    let mut creators = [creator];
    all_for_all(&creators, &workers).await;

    let mut done = stop_all(&mut workers[..1], "did").await;
    workers[0] = worker([address.as_str()]);
    all_for_all(&creators, &workers).await;

    let sent = stop_all(&mut creators, "sending").await;
    let lines = creators[0].lines();
    let closed = format!("closed, {} jobs sent, 0 unsent", sent.len());
    assert_eq!(after(&lines, "closed,").len(), 1);
    assert_eq!(lines.last().unwrap(), &closed);
    until_done(&workers, sent.len(), done.len()).await;
    done.extend(stop_all(&mut workers, "did").await);
    assert_same(sent, done);
}
