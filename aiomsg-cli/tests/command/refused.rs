//! What cannot be sent costs nothing but itself.

use std::fs::{self, File};
use std::io::Write;

use tempfile::tempdir;

use super::process::{Process, run, run_with};

/// The largest message.
const MAX: usize = 64 << 20;

fn receiver() -> (Process, String) {
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0", "--until-gone"]);
    let endpoint = receiver.endpoint();
    (receiver, endpoint)
}

/// A line that is 5 bytes too long, between others.
fn lines() -> Vec<u8> {
    [b"one\n", &vec![b'x'; MAX + 5][..], b"\nthree\n\nfive"].concat()
}

const TOO_LONG: &str = "line 2: it has 67108869 bytes, and a message has at most 67108864";

#[test]
fn a_line_that_is_too_long_is_named_and_the_lines_behind_it_are_sent() {
    let (receiver, endpoint) = receiver();
    let sent = run_with(&["send", "-c", &endpoint, "--lines", "--json"], &lines());
    assert_eq!(
        receiver.finish().ends(0).text(),
        "one\nthree\n\nfive\n",
        "{}",
        sent.stderr
    );
    let told = format!("not sent: standard input, {TOO_LONG}");
    assert!(sent.stderr.contains(&told), "{}", sent.stderr);
    sent.fails(1, &[TOO_LONG, "sent were 4 messages", "1 refused"]);
}

#[test]
fn a_line_that_is_too_long_costs_nothing_of_its_file_and_of_the_next() {
    let dir = tempdir().unwrap();
    let files = ["first", "second"].map(|name| dir.path().join(name));
    fs::write(&files[0], lines()).unwrap();
    fs::write(&files[1], "six\n").unwrap();
    let (receiver, endpoint) = receiver();
    let names = files.each_ref().map(|file| file.to_str().unwrap());
    let args = [
        "send", "-c", &endpoint, "--lines", "-f", names[0], "-f", names[1],
    ];
    let sent = run(&args);
    assert_eq!(
        receiver.finish().ends(0).text(),
        "one\nthree\n\nfive\nsix\n",
        "{}",
        sent.stderr
    );
    sent.fails(1, &[names[0], TOO_LONG, "sent were 5 messages"]);
}

/// It may go on for ever.
#[test]
fn a_line_that_is_too_long_is_told_of_before_its_end() {
    let (receiver, endpoint) = receiver();
    let (mut sender, mut stdin) = Process::with_stdin(&["send", "-c", &endpoint]);
    stdin.write_all(&vec![b'x'; MAX + 1]).unwrap();
    let told = sender.says("note: standard input, line 1: ");
    assert!(told.contains("--raw"), "{told}");
    stdin.write_all(b"\ntwo\n").unwrap();
    drop(stdin);
    sender.finish().fails(1, &["line 1: it has 67108865 bytes"]);
    assert_eq!(receiver.finish().ends(0).text(), "two\n");
}

#[test]
fn a_file_that_is_garbled_is_named_and_the_next_is_sent() {
    let dir = tempdir().unwrap();
    let files = ["first", "second"].map(|name| dir.path().join(name));
    fs::write(&files[0], b"\0\0\0\x03one\xff\xff\xff\xff").unwrap();
    fs::write(&files[1], b"\0\0\0\x03two").unwrap();
    let (receiver, endpoint) = receiver();
    let names = files.each_ref().map(|file| file.to_str().unwrap());
    let args = [
        "send",
        "-c",
        &endpoint,
        "--length-prefixed",
        "-f",
        names[0],
        "-f",
        names[1],
    ];
    let sent = run(&args);
    assert_eq!(
        receiver.finish().ends(0).text(),
        "one\ntwo\n",
        "{}",
        sent.stderr
    );
    sent.fails(2, &[names[0], "4294967295", "sent were 2 messages"]);
}

/// A pipe has no length before it is read.
#[cfg(unix)]
#[test]
fn a_pipe_with_more_than_a_message_costs_no_other_file() {
    let dir = tempdir().unwrap();
    let [pipe, file] = ["pipe", "file"].map(|name| dir.path().join(name));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    fs::write(&file, "small").unwrap();
    let (receiver, endpoint) = receiver();
    let names = [&pipe, &file].map(|file| file.to_str().unwrap());
    let args = ["send", "-c", &endpoint, "-f", names[0], "-f", names[1]];
    let sender = Process::start(&args);
    // It is closed when it is known to be too much.
    let _ = File::options()
        .write(true)
        .open(&pipe)
        .unwrap()
        .write_all(&vec![0; MAX + 1]);
    sender.finish().fails(2, &[names[0], "64 MiB", "1 refused"]);
    assert_eq!(receiver.finish().ends(0).text(), "small\n");
}

/// The peer reads nothing, and so most of it is stuck.
#[test]
fn what_was_read_and_not_sent_is_counted() {
    let (mut receiver, _stdout) =
        Process::with_stdout(&["recv", "-b", "tcp://127.0.0.1:0", "--raw"]);
    let endpoint = receiver.endpoint();
    let args = [
        "send",
        "-c",
        &endpoint,
        "--raw",
        "--file",
        "/dev/zero",
        "--timeout",
        "1s",
        "--linger",
        "10ms",
    ];
    let sent = run(&args);
    sent.fails(1, &["have taken nothing", "sent were", "read and not sent"]);
}
