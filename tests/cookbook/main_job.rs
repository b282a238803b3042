use crate::program::example;

#[tokio::test]
async fn every_job_is_done_once() {
    let lines = example("main_job").run().end().await;
    let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!(count("1000 of 1000 jobs done"), 2, "{lines:#?}");
    assert_eq!(count("every job was done exactly once"), 2, "{lines:#?}");
    assert_eq!(count("three    |"), 1, "{lines:#?}");
}
