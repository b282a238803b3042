//! Echo answers.

use super::process::{Process, run};

#[test]
fn every_message_is_answered_to_its_sender() {
    let mut echo = Process::start(&["echo", "-b", "tcp://127.0.0.1:0", "-n", "300", "--json"]);
    let endpoint = echo.endpoint();
    let bench = |size: &str| {
        Process::start(&[
            "bench",
            "-c",
            &endpoint,
            "--json",
            "-s",
            size,
            "-d",
            "60s",
            "--warm-up",
            "1ms",
        ])
    };
    // Each knows its own answers, and would report others.
    let two = [bench("16"), bench("100000")];
    let counts = echo.finish();
    assert_eq!(counts.ends(0).json()["messages"], 300);
    drop(two);
}

#[test]
fn an_acknowledgement_comes_with_the_answer() {
    let mut echo = Process::start(&["echo", "-b", "tcp://127.0.0.1:0", "-n", "2"]);
    let endpoint = echo.endpoint();
    run(&["send", "-c", &endpoint, "-a", "one", "two"]).ends(0);
    echo.finish();
}
