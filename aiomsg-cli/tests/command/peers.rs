//! Peers are listed.

use super::process::{Process, run};

#[test]
fn those_that_are_connected_are_listed() {
    let mut sender = Process::with_stdin(&[
        "send",
        "-b",
        "tcp://127.0.0.1:0",
        "--identity",
        "a-sender-of-ours",
    ]);
    let endpoint = sender.0.endpoint();
    let listed = run(&["peers", "-c", &endpoint, "--for", "10ms"]);
    let text = listed.ends(0).text();
    assert!(text.contains("a-sender-of-ours"), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );

    let listed = run(&["peers", "-c", &endpoint, "--for", "10ms", "--json"])
        .ends(0)
        .json();
    assert_eq!(listed["identity"], "a-sender-of-ours");
    assert_eq!(listed["dialect"], "v1");
    assert_eq!(
        (listed["tls"].as_bool(), listed["dialled"].as_bool()),
        (Some(false), Some(true))
    );
    assert_eq!(listed["endpoint"], endpoint.as_str());
}

/// It acknowledges nothing, so a job that it got is done by somebody else.
#[test]
fn a_job_with_at_least_once_that_came_here_goes_to_a_consumer() {
    let mut sender = Process::start(&["send", "-b", "tcp://127.0.0.1:0", "-a", "job"]);
    let endpoint = sender.endpoint();
    let listed = run(&["peers", "-c", &endpoint, "--for", "300ms"]);
    listed.ends(0);
    let consumer = run(&["recv", "-c", &endpoint, "-n", "1"]);
    assert_eq!(consumer.ends(0).text(), "job\n");
    sender.finish().ends(0);
}

#[cfg(unix)]
#[test]
fn coming_and_going_is_told() {
    use std::io::{BufRead, BufReader, Read};

    let (mut watching, stdout) =
        Process::with_stdout(&["peers", "-b", "tcp://127.0.0.1:0", "--watch", "--json"]);
    let endpoint = watching.endpoint();
    run(&[
        "send",
        "-c",
        &endpoint,
        "--identity",
        "one-who-comes-by",
        "hello",
    ])
    .ends(0);
    let mut stdout = BufReader::new(stdout);
    let lines = stdout.by_ref().lines().take(2);
    let events: Vec<serde_json::Value> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    for (event, what) in events.iter().zip(["up", "down"]) {
        assert_eq!(event["event"], what);
        assert_eq!(event["identity"], "one-who-comes-by");
    }
    watching.signal(rustix::process::Signal::INT);
    let done = watching.finish();
    let note = "1 messages came here";
    assert!(done.ends(0).stderr.contains(note), "{}", done.stderr);
}
