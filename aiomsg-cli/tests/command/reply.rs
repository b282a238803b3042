//! Commands that are run for requests: how they fail, and how they end.
#![cfg(unix)]

use std::process::Command;

use rustix::process::Signal;

use super::process::{Process, run};

/// `aiomsg reply` with this text for the shell, and its endpoint.
fn replying(text: &str) -> (Process, String) {
    let mut reply = Process::start(&["reply", "-b", "tcp://127.0.0.1:0", "--shell", text]);
    let endpoint = reply.endpoint();
    (reply, endpoint)
}

#[test]
fn a_failed_command_is_reported_at_both_ends() {
    let (mut reply, endpoint) = replying("echo half; exit 3");
    let request = run(&["request", "-c", &endpoint, "x"]);
    let why = reply.says("note: no reply: ");
    assert!(why.contains("exit status: 3"), "{why}");
    let failed = "request 1 was not handled: the command has failed with exit status: 3";
    request.fails(1, &[failed, "0 of 1 requests were replied to"]);
    assert_eq!(request.text(), "");
    reply.signal(Signal::TERM);
    let reply = reply.finish();
    let said = &reply.ends(0).stderr;
    assert!(said.contains("0 replies, 1 requests without one"), "{said}");
}

/// It has no headers, and an answer without a payload would be a line of its own.
#[test]
fn a_failed_command_sends_nothing_in_the_2019_dialect() {
    let (mut reply, endpoint) = replying("echo half; exit 3");
    let old = ["--dialect", "2019", "-c", &endpoint, "x"];
    let request = Process::start(&[&["request"], &old[..]].concat());
    reply.says("note: no reply: ");
    request.signal(Signal::INT);
    let request = request.finish();
    request.fails(130, &["0 of 1 requests were replied to"]);
    assert_eq!(request.text(), "");
}

/// Commands were started with the signals blocked that the command itself waits for.
#[test]
fn a_command_hears_signals() {
    let (mut reply, endpoint) = replying("kill -TERM $$; echo deaf");
    let _request = Process::start(&["request", "-c", &endpoint, "x"]);
    let why = reply.says("note: no reply: ");
    assert!(why.contains("signal: 15"), "{why}");
}

#[test]
fn a_message_that_is_no_request_is_reported() {
    let (mut reply, endpoint) = replying("cat");
    run(&["send", "-c", &endpoint, "news"]).ends(0);
    let why = reply.says("note: no reply: ");
    assert!(why.contains("it is no request"), "{why}");
}

#[test]
fn a_started_command_finishes_after_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let pipe = pipe.to_str().unwrap();
    let (mut reply, endpoint) = replying(&format!("echo begun >&2; cat; cat {pipe}"));
    let request = Process::start(&["request", "-c", &endpoint, "x"]);
    reply.says("begun");
    reply.signal(Signal::TERM);
    std::fs::write(pipe, " and the rest").unwrap();
    assert_eq!(request.finish().ends(0).text(), "x and the rest\n");
    let reply = reply.finish();
    assert!(reply.ends(0).stderr.contains("1 replies, 0 requests"));
}

#[test]
fn a_second_signal_ends_a_started_command() {
    let (mut reply, endpoint) = replying("echo begun >&2; sleep 1000");
    let _request = Process::start(&["request", "-c", &endpoint, "x"]);
    reply.says("begun");
    reply.signal(Signal::INT);
    reply.signal(Signal::TERM);
    let reply = reply.finish();
    reply.fails(143, &["before the started commands were done"]);
    // It was not counted at all.
    let said = &reply.stderr;
    assert!(said.contains("0 replies, 1 requests without one"), "{said}");
}

/// The rest was cut off when the output had ended, and the request counted as replied to.
#[test]
fn a_command_that_closes_its_output_first_reads_all_of_the_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (big, copy) = (path("big"), path("copy"));
    let request: Vec<_> = (0..1_000_000u32).map(|n| b'a' + (n % 23) as u8).collect();
    std::fs::write(&big, &request).unwrap();
    let (_reply, endpoint) = replying(&format!("exec >{copy}; sleep 0.1; cat"));
    let asked = run(&["request", "-c", &endpoint, "--file", &big]);
    assert_eq!(asked.ends(0).text(), "\n");
    let copy = std::fs::read(&copy).unwrap();
    assert_eq!(copy.len(), request.len());
    assert!(copy == request, "it has other bytes");
}

/// Each had a line of its own.
#[test]
fn many_failures_are_reported_in_two_lines() {
    let bind = ["reply", "-b", "tcp://127.0.0.1:0", "--jobs", "1"];
    let text = "read n; [ $n = 50 ] && echo last >&2; exit 3";
    let mut reply = Process::start(&[&bind[..], &["--shell", text]].concat());
    let endpoint = reply.endpoint();
    let numbers: Vec<_> = (1..=50).map(|n| format!("{n}\n")).collect();
    let mut ask = vec!["request", "-c", &endpoint, "--in-flight", "50"];
    ask.extend(numbers.iter().map(String::as_str));
    let _request = Process::start(&ask);
    reply.says("last");
    reply.signal(Signal::TERM);
    let reply = reply.finish();
    let said = &reply.ends(0).stderr;
    let notes: Vec<_> = said.lines().filter(|it| it.starts_with("note:")).collect();
    let [first, more] = notes[..] else {
        panic!("{said}");
    };
    assert!(first.starts_with("note: no reply: "), "{said}");
    assert!(more.starts_with("note: no reply to 49 more: "), "{said}");
    assert!(first.contains("exit status: 3") && more.contains("exit status: 3"));
    assert!(
        said.contains("0 replies, 50 requests without one"),
        "{said}"
    );
}

/// The message said that the shell had not ended.
#[test]
fn a_process_that_holds_the_output_of_an_ended_command_is_reported() {
    let bind = ["reply", "-b", "tcp://127.0.0.1:0", "--time-limit", "3s"];
    let mut reply = Process::start(&[&bind[..], &["--shell", "sleep 49 & echo hi"]].concat());
    let endpoint = reply.endpoint();
    let _request = Process::start(&["request", "-c", &endpoint, "x"]);
    let why = reply.says("note: no reply: ");
    let ended = "has ended, and a process that it started holds its output longer than 3s";
    assert!(why.contains(ended), "{why}");
}

#[test]
fn so_many_commands_run_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    // Each waits until both run: with one job, the second one would never begin.
    let text = format!(
        "read n; touch {path}/$n; until [ -e {path}/1 ] && [ -e {path}/2 ]; do sleep 0.01; done"
    );
    let bind = ["reply", "-b", "tcp://127.0.0.1:0"];
    let mut reply = Process::start(&[&bind[..], &["--jobs", "2", "--shell", &text]].concat());
    let endpoint = reply.endpoint();
    let ask = ["request", "-c", &endpoint, "--in-flight", "2", "1\n", "2\n"];
    assert_eq!(run(&ask).ends(0).text(), "\n\n");
}

#[test]
fn wrong_commands_are_refused_before_anything_listens() {
    let reply = |options: &[&str]| run(&[&["reply", "-b", "tcp://127.0.0.1:0"], options].concat());
    reply(&[]).fails(2, &["COMMAND", "aiomsg reply --help"]);
    reply(&["--", "no-such-command-here"]).fails(2, &["no-such-command-here", "--shell"]);
    reply(&["--shell", "x", "--", "y"]).fails(2, &["--shell"]);
    reply(&["--jobs", "0", "--", "cat"]).fails(2, &["--jobs"]);
    reply(&["--time-limit", "0s", "--", "cat"]).fails(2, &["--time-limit"]);
    reply(&["--max-output", "65MiB", "--", "cat"]).fails(2, &["--max-output", "the most"]);
}
