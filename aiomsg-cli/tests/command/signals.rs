//! Signals end a command in good order.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};

use rustix::process::Signal;

use super::process::{Process, Proxy};

#[test]
fn a_receiver_without_an_end_of_its_own_is_done() {
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = receiver.endpoint();
    let (sender, mut stdin) = Process::with_stdin(&["send", "-c", &endpoint]);
    stdin.write_all(b"hello\n").unwrap();
    // Its message is with the receiver, or on the way, when it has ended.
    drop(stdin);
    sender.finish().ends(0);
    receiver.signal(Signal::INT);
    receiver.finish().ends(0);
}

/// The code was that of a command that was stopped before it was done.
#[test]
fn a_receiver_to_which_nobody_came_is_done() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0"]);
        receiver.endpoint();
        receiver.signal(signal);
        receiver.finish().ends(0);
    }
}

/// Each of them has no end of its own, so being told to end is how it ends.
#[test]
fn every_listening_command_that_is_told_to_end_is_done() {
    let bind = ["-b", "tcp://127.0.0.1:0"];
    let commands = [
        [&["recv"], &bind[..]].concat(),
        [&["echo"], &bind[..]].concat(),
        [&["subscribe"], &bind[..], &["--topic", "x"]].concat(),
        [&["reply"], &bind[..], &["--", "cat"]].concat(),
        [&["peers", "--watch"], &bind[..]].concat(),
    ];
    for args in &commands {
        for signal in [Signal::INT, Signal::TERM] {
            let mut listening = Process::start(args);
            listening.endpoint();
            listening.signal(signal);
            let done = listening.finish();
            assert_eq!(done.code, Some(0), "{args:?}: {}", done.stderr);
        }
    }
    for signal in [Signal::INT, Signal::TERM] {
        let proxy = Proxy::start(&[]);
        proxy.process.signal(signal);
        proxy.process.finish().ends(0);
    }
}

/// One of two peers was there, and what it had sent would be dropped in silence.
#[test]
fn a_receiver_that_waits_for_another_peer_was_stopped() {
    let args = ["recv", "-b", "tcp://127.0.0.1:0", "--wait-peers", "2"];
    let mut receiver = Process::start(&args);
    let endpoint = receiver.endpoint();
    super::process::run(&["send", "-c", &endpoint, "x"]).ends(0);
    receiver.signal(Signal::INT);
    receiver
        .finish()
        .fails(130, &["before the peers were there"]);
}

/// What is told to a proxy ends any other command, whatever its arguments are. (Not
/// SIGHUP, which the tests may have been started to ignore.)
#[test]
fn a_command_that_is_no_proxy_ends_by_what_a_proxy_is_told() {
    let mut sender = Process::start(&["send", "-b", "tcp://127.0.0.1:0", "proxy"]);
    sender.endpoint();
    sender.signal(Signal::USR1);
    assert_eq!(sender.finish().code, None, "a signal has ended it");
}

#[test]
fn a_sender_without_an_end_of_its_own_is_done() {
    let (mut receiver, stdout) = Process::with_stdout(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = receiver.endpoint();
    let args = [
        "send", "-c", &endpoint, "--repeat", "forever", "--rate", "500/s", "x",
    ];
    let sender = Process::start(&args);
    let mut line = String::new();
    let mut stdout = BufReader::new(stdout);
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "x\n");
    sender.signal(Signal::INT);
    sender.finish().ends(0);
    // Until now: a receiver that nobody reads from leaves.
    drop(stdout);
}

/// It read the same nothing again and again, for ever.
#[test]
fn nothing_is_not_repeated() {
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = receiver.endpoint();
    let args = [
        "send",
        "-c",
        &endpoint,
        "--file",
        "/dev/null",
        "--lines",
        "--repeat",
    ];
    let forever = super::process::run(&[&args[..], &["forever"]].concat());
    forever.fails(2, &["nothing to repeat"]);
    super::process::run(&[&args[..], &["1000000000000"]].concat()).ends(0);
}

#[test]
fn a_receiver_with_a_count_was_stopped() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0", "-n", "2"]);
        receiver.endpoint();
        receiver.signal(signal);
        receiver.finish().fails(code, &["stopped"]);
    }
}

#[test]
fn a_receiver_whose_output_nobody_takes_can_be_stopped() {
    let (mut receiver, mut stdout) = Process::with_stdout(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = receiver.endpoint();
    // More than a pipe and all buffers hold.
    let args = ["send", "-c", &endpoint, "--raw", "-f", "/dev/zero"];
    let sender = Process::start(&args);
    stdout.read_exact(&mut [0]).unwrap();
    receiver.signal(Signal::INT);
    // Once more, for those who cannot wait.
    std::thread::sleep(std::time::Duration::from_millis(100));
    receiver.signal(Signal::INT);
    receiver.finish().fails(130, &["nobody reads the output"]);
    drop((sender, stdout));
}

#[test]
fn a_sender_sends_what_it_has_read_and_says_that_it_was_stopped() {
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0", "--until-gone"]);
    let endpoint = receiver.endpoint();
    let (mut sender, mut stdin) =
        Process::with_stdin(&["send", "-b", "tcp://127.0.0.1:0", "-c", &endpoint]);
    sender.endpoint();
    // More than a pipe holds: when it is written, most of it was read.
    let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
    for _ in 0..1024 {
        stdin.write_all(&line).unwrap();
    }
    sender.signal(Signal::INT);
    let sent = sender.finish();
    sent.fails(130, &["stopped before all was read", "messages"]);
    let received = receiver.finish();
    let count = received.ends(0).text().lines().count();
    assert!(
        sent.stderr.contains(&format!("{count} messages")),
        "{count}: {}",
        sent.stderr
    );
    drop(stdin);
}

#[test]
fn a_sender_that_waits_for_its_peer_ends_at_once() {
    let mut sender = Process::start(&["send", "-b", "tcp://127.0.0.1:0", "x"]);
    sender.endpoint();
    sender.signal(Signal::INT);
    sender.finish().fails(130, &["before the peers were there"]);
}

/// A peer that only looks acknowledges nothing.
#[test]
fn a_sender_that_lingers_tells_what_is_open() {
    let (mut peer, stdout) = Process::with_stdout(&["peers", "-b", "tcp://127.0.0.1:0", "--watch"]);
    let endpoint = peer.endpoint();
    let mut sender = Process::start(&[
        "send",
        "-b",
        "tcp://127.0.0.1:0",
        "-c",
        &endpoint,
        "-a",
        "x",
        "--linger",
        "forever",
    ]);
    sender.endpoint();
    let (mut up, mut stdout) = (String::new(), BufReader::new(stdout));
    stdout.read_line(&mut up).unwrap();
    assert!(up.contains(" up "), "{up}");
    sender.signal(Signal::TERM);
    // It was stopped where it waited for the peer, or for the acknowledgement; or it
    // was about to read on, and goes on waiting for the acknowledgement.
    if sender.says_before_its_end("stopped; what is on its way") {
        sender.signal(Signal::TERM);
    }
    sender.finish().fails(143, &["stopped before"]);
    peer.signal(Signal::INT);
    peer.finish().ends(0);
    drop(stdout);
}

#[test]
fn an_echo_ends_with_its_numbers() {
    let mut echo = Process::start(&["echo", "-b", "tcp://127.0.0.1:0", "--json"]);
    echo.endpoint();
    echo.signal(Signal::INT);
    assert_eq!(echo.finish().ends(0).json()["messages"], 0);

    let mut echo = Process::start(&["echo", "-b", "tcp://127.0.0.1:0", "-n", "1"]);
    echo.endpoint();
    echo.signal(Signal::TERM);
    echo.finish().fails(143, &["stopped after 0 of 1"]);
}

#[test]
fn a_demo_can_be_stopped() {
    let mut demo = Process::start(&["demo", "--jobs", "10000000"]);
    demo.says("proxy:");
    demo.signal(Signal::INT);
    demo.finish()
        .fails(130, &["stopped before all jobs were done"]);
}
