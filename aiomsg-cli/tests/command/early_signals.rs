//! Signals that come before a command listens, or before anybody is there.
#![cfg(target_os = "linux")]

use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::process::Signal;
use tempfile::{TempDir, tempdir};

use super::process::{Process, command};

const CODES: [(Signal, i32); 2] = [(Signal::INT, 130), (Signal::TERM, 143)];

/// A pipe at whose other end nobody is.
fn pipe() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    (dir, pipe)
}

/// Runs a command that waits for a pipe, and tells it to end. `code` is for where it
/// has not done what it is for.
#[track_caller]
fn ends_early(args: &[&str], is_done: bool) {
    let (_dir, pipe) = pipe();
    let pipe = pipe.to_str().unwrap();
    let args: Vec<_> = args
        .iter()
        .map(|arg| if *arg == "PIPE" { pipe } else { arg })
        .collect();
    for (signal, code) in CODES {
        let process = Process::start(&args);
        process.until_it_runs();
        process.signal(signal);
        let done = process.finish();
        let code = if is_done { 0 } else { code };
        assert_eq!(done.code, Some(code), "{args:?}: {}", done.stderr);
    }
}

const LISTENS: [&str; 6] = ["-b", "tls://127.0.0.1:0", "--cert", "PIPE", "--key", "PIPE"];

#[test]
fn a_command_that_waits_for_its_certificate_is_not_killed_by_a_signal() {
    for (args, is_done) in [
        (&["recv"][..], true),
        (&["recv", "-n", "1"], false),
        (&["recv", "--until-gone"], false),
        (&["echo"], true),
        (&["echo", "-n", "1"], false),
        (&["send", "x", "--repeat", "forever"], true),
        (&["send", "x"], false),
        (&["peers", "--watch"], true),
        (&["peers"], false),
        (&["bench"], false),
    ] {
        ends_early(&[args, &LISTENS].concat(), is_done);
    }
    let looks = ["doctor", "tls://127.0.0.1:1", "--trust", "PIPE"];
    ends_early(&looks, false);
}

#[test]
fn a_receiver_whose_output_nobody_reads_yet_is_done() {
    ends_early(&["recv", "-b", "tcp://127.0.0.1:0", "-o", "PIPE"], true);
}

#[test]
fn a_proxy_that_waits_for_its_file_is_done() {
    ends_early(&["proxy", "--config", "PIPE"], true);
    ends_early(&["proxy", "--config", "PIPE", "--check-config"], false);
}

/// The code was that of a command that was stopped before it was done.
#[test]
fn a_sender_without_an_end_is_done_before_its_peers_are_there() {
    for (signal, _) in CODES {
        let mut sender = Process::start(&[
            "send",
            "-b",
            "tcp://127.0.0.1:0",
            "--repeat",
            "forever",
            "--json",
            "x",
        ]);
        sender.endpoint();
        sender.signal(signal);
        assert_eq!(sender.finish().ends(0).json()["messages"], 0);
    }
}

#[cfg(feature = "top")]
#[test]
fn a_look_that_gets_no_answer_can_be_ended() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    for (signal, code) in CODES {
        for (flags, code) in [(&[][..], 0), (&["--once"], code)] {
            let top = Process::start(&[&["top", &address], flags].concat());
            let asked = silent.accept().unwrap();
            top.signal(signal);
            top.finish().ends(code);
            drop(asked);
        }
    }
}

/// It waits, where it says how it goes, for somebody who does not read.
#[test]
fn a_third_signal_ends_what_is_held_up() {
    let (mut full, _nobody_reads) = UnixStream::pair().unwrap();
    full.set_nonblocking(true).unwrap();
    let error = loop {
        if let Err(error) = full.write(&[0; 1024]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    full.set_nonblocking(false).unwrap();
    let sides = ["--frontend", "127.0.0.1:0", "--backend", "127.0.0.1:0"];
    let mut proxy = command(&[&["proxy"], &sides[..]].concat());
    let proxy = Process::of(
        proxy
            .stdout(std::os::fd::OwnedFd::from(full))
            .spawn()
            .unwrap(),
    );
    proxy.until_it_runs();
    for _ in 0..3 {
        proxy.signal(Signal::TERM);
        proxy.until_it_has_heard();
    }
    proxy.finish().ends(143);
}
