//! Pipes whose other end is gone.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::process::{Process, command, run};

#[test]
fn a_reader_that_has_enough_ends_the_receiver_quietly() {
    let (mut receiver, stdout) = Process::with_stdout(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = receiver.endpoint();
    let sender = Process::start(&[
        "send",
        "-c",
        &endpoint,
        "y",
        "--repeat",
        "forever",
        "--timeout",
        "5s",
        "--linger",
        "1ms",
    ]);
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "y\n");
    drop(stdout);
    let done = receiver.finish();
    assert!(!done.ends(0).stderr.contains("panicked"), "{}", done.stderr);
    assert!(!done.stderr.contains("error"), "{}", done.stderr);
    // The sender has nobody to send to any more.
    sender.finish().fails(3, &["all peers have gone"]);
}

#[test]
fn a_receiver_notices_before_the_next_message_that_nobody_reads() {
    let (mut receiver, stdout) = Process::with_stdout(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = receiver.endpoint();
    let (sender, stdin) = Process::with_stdin(&["send", "-c", &endpoint]);
    // It is past waiting for its peer.
    drop(stdout);
    receiver.finish().ends(0);
    drop(stdin);
    sender.finish().ends(0);
}

#[test]
fn with_a_count_a_reader_that_leaves_is_a_failure() {
    let (mut receiver, stdout) =
        Process::with_stdout(&["recv", "-b", "tcp://127.0.0.1:0", "-n", "5"]);
    let endpoint = receiver.endpoint();
    drop(stdout);
    // The receiver may leave before it takes this one, and no other comes: the sender then
    // waits for a peer as long as it lingers.
    let sender = ["send", "-c", &endpoint, "--timeout", "5s", "--linger", "1s"];
    run(&[&sender[..], &["1"]].concat());
    receiver
        .finish()
        .fails(1, &["nobody reads", "of 5 messages"]);
}

#[test]
fn nobody_need_read_what_is_said() {
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0", "-n", "1"]);
    let endpoint = receiver.endpoint();
    let mut sender = command(&["send", "-c", &endpoint, "--json", "hello"])
        .spawn()
        .unwrap();
    drop((sender.stdout.take(), sender.stderr.take()));
    assert_eq!(sender.wait().unwrap().code(), Some(0));
    assert_eq!(receiver.finish().ends(0).text(), "hello\n");

    for args in [
        &["--help"][..],
        &["send", "--help"],
        &["man"],
        &["completions", "zsh"],
    ] {
        let mut help = command(args).stderr(Stdio::piped()).spawn().unwrap();
        drop(help.stdout.take());
        let done = help.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{args:?}");
        assert!(
            done.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

#[test]
fn a_list_that_nobody_reads_any_more_ends() {
    let (mut peers, stdout) =
        Process::with_stdout(&["peers", "-b", "tcp://127.0.0.1:0", "--watch"]);
    peers.endpoint();
    drop(stdout);
    peers.finish().ends(0);
}

/// A disk that is full is no reader that has left.
#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_written_are_a_failure() {
    for args in [
        &["demo", "--jobs", "1"][..],
        &["man"],
        &["completions", "bash"],
    ] {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let done = command(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("standard output cannot be written"), "{said}");
    }
}
