//! A trace over three processes: an asker, a relay and a worker, whose spans go to a
//! collector by OTLP.

#![allow(
    clippy::unwrap_used,
    reason = "a test that panics fails, which is what is wanted"
)]

mod collector;
mod example;
mod processes;

use std::time::Duration;

use collector::Collector;
use processes::Process;

/// Far longer than anything here takes, so that a test that hangs ends.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn request_and_reply_over_a_relay_are_one_tree() {
    let collector = Collector::start().await;
    let mut relay = Process::start("relay", &[collector.url()]);
    let (front, back) = (relay.line().await, relay.line().await);
    let mut worker = Process::start("worker", &[collector.url(), &back]);
    let mut asker = Process::start("asker", &[collector.url(), &front]);
    assert_eq!(asker.line().await, "the answer is 42");
    // Each sends its last spans when it ends.
    for process in [&mut asker, &mut worker, &mut relay] {
        process.end().await;
    }

    let trees = collector.trees();
    let [tree] = &trees[..] else {
        panic!("one trace, not {trees:#?}")
    };
    let expected = "\
question, internal, asker
  request prices, client, asker
    send, producer, asker
      process, consumer, relay
        send jobs, producer, relay
          process prices, consumer, worker
            receive, client, asker
            work, internal, worker
";
    assert_eq!(tree, expected);
}
