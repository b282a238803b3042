//! Nobody is there.

use std::net::TcpListener;

use super::process::{Process, run};

/// A port at which nobody listens: the system has just given it to us, and gives it
/// to nobody else soon.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    format!("tcp://{address}")
}

#[test]
fn an_endpoint_where_nobody_listens_is_named_with_what_to_do() {
    let endpoint = nobody();
    let commands = [&["send", "hello"][..], &["recv"], &["peers"], &["bench"]];
    let all = commands
        .map(|command| Process::start(&[command, &["-c", &endpoint, "--timeout", "3s"]].concat()));
    for one in all {
        let said = [
            "nobody was there within 3s",
            &endpoint,
            "connection refused",
            "start",
        ];
        one.finish().fails(3, &said);
    }
    run(&["doctor", &endpoint]).fails(3, &[&endpoint, "connection refused", "start"]);
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    let args = [
        "send",
        "-c",
        "tcp://nobody.invalid:25000",
        "x",
        "--timeout",
        "300ms",
    ];
    // The lookup may take longer than that.
    run(&args).fails(3, &["nobody was there within 300ms"]);
    run(&["doctor", "tcp://nobody.invalid:25000"]).fails(3, &["nobody.invalid"]);
}

#[test]
fn an_endpoint_to_which_nobody_connects() {
    let args = ["recv", "-b", "tcp://127.0.0.1:0", "--timeout", "300ms"];
    run(&args).fails(3, &["nobody was there within 300ms", "start the other end"]);
}

#[test]
fn too_few_peers() {
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = receiver.endpoint();
    let args = ["send", "-c", &endpoint, "x", "--timeout", "4s"];
    let two = Process::start(&[&args[..], &["--wait-peers", "2"]].concat());
    let other = Process::start(&[&args[..], &["--to", "somebody--else-1"]].concat());
    two.finish().fails(3, &["only 1 of 2 peers"]);
    let said = ["somebody--else-1 was not among the peers"];
    other.finish().fails(3, &said);
}

#[test]
fn a_peer_that_sends_nothing() {
    let mut sender = Process::with_stdin(&["send", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = sender.0.endpoint();
    let args = ["recv", "-c", &endpoint, "--timeout", "4s"];
    run(&args).fails(1, &["nothing more came in time", "after 0 messages"]);
}

#[test]
fn an_endpoint_that_is_taken() {
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = receiver.endpoint();
    for command in ["recv", "echo", "peers"] {
        run(&[command, "-b", &endpoint]).fails(1, &[&endpoint, "in use", "another port"]);
    }
}
