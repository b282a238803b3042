//! What the recipes with jobs have in common: who sent and who did which.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::program::{PATIENCE, Program, example};

/// What stands behind this word in each line that begins with it.
pub(crate) fn after<'a>(lines: &'a [String], word: &str) -> Vec<&'a str> {
    let rest = lines.iter().filter_map(|line| line.strip_prefix(word));
    rest.map(str::trim_start).collect()
}

/// Starts a consumer for these addresses.
pub(crate) fn consumer<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Program {
    example("worker").args(addresses).run()
}

/// Waits until each consumer has done a few jobs of each producer.
pub(crate) async fn all_for_all(producers: &[Program], consumers: &[Program]) {
    for producer in producers {
        for consumer in consumers {
            let of_it = format!("of {}", producer.id());
            consumer
                .until(&format!("3 jobs {of_it}"), |lines| {
                    let jobs = after(lines, "did");
                    jobs.iter().filter(|job| job.ends_with(&of_it)).count() >= 3
                })
                .await;
        }
    }
}

/// Stops every program, and returns the jobs of their lines with this word.
pub(crate) async fn stop_all(programs: &mut [Program], word: &str) -> Vec<String> {
    let mut jobs = Vec::new();
    for program in programs {
        let lines = program.stop().await;
        jobs.extend(after(&lines, word).into_iter().map(str::to_owned));
    }
    jobs
}

/// Waits until `count` jobs are done: `done` of them by consumers of the past,
/// the others by these.
pub(crate) async fn until_done(consumers: &[Program], count: usize, done: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let so_far: usize = consumers
            .iter()
            .map(|consumer| after(&consumer.lines(), "did").len())
            .sum();
        if so_far + done >= count {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{count} jobs were sent, {} were done",
            so_far + done
        );
        sleep(Duration::from_millis(10)).await;
    }
}

/// Every job that was sent was done, and once.
#[track_caller]
pub(crate) fn assert_same(mut sent: Vec<String>, mut done: Vec<String>) {
    sent.sort();
    done.sort();
    assert_eq!(sent, done, "the jobs sent (left) and done (right)");
}
