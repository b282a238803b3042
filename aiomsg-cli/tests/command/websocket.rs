//! Peers that connect by WebSocket.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::process::{Process, run};

/// The `ws://` endpoint in place of a `tcp://` one.
fn ws(endpoint: &str) -> String {
    format!("{}/", endpoint.replace("tcp://", "ws://"))
}

#[test]
fn messages_pass_to_a_listener_that_accepts_them() {
    let listen = ["recv", "-b", "tcp://127.0.0.1:0", "-n", "2", "--websocket"];
    let mut receiver = Process::start(&listen);
    let endpoint = receiver.endpoint();
    run(&["send", "-c", &ws(&endpoint), "by websocket"]).ends(0);
    run(&["send", "-c", &endpoint, "raw"]).ends(0);
    assert_eq!(receiver.finish().ends(0).text(), "by websocket\nraw\n");
}

#[test]
fn headers_and_a_path_are_sent() {
    let listen = ["recv", "-b", "tcp://127.0.0.1:0", "-n", "1", "--websocket"];
    let more = [
        "--websocket-path",
        "/jobs",
        "--websocket-origin",
        "https://example.org",
    ];
    let mut receiver = Process::start(&[&listen[..], &more].concat());
    let endpoint = ws(&receiver.endpoint());
    let jobs = format!("{endpoint}jobs?a=b");
    let header = ["--websocket-header", "Origin: https://evil.example"];
    let send = ["send", "--timeout", "2s", "-c"];
    run(&[&send[..], &[&endpoint, "elsewhere"]].concat()).fails(3, &["404"]);
    run(&[&send[..], &[&jobs], &header, &["foreign"]].concat()).fails(3, &["403"]);
    let header = ["--websocket-header", "Origin: https://example.org"];
    run(&[&send[..], &[&jobs], &header, &["job"]].concat()).ends(0);
    assert_eq!(receiver.finish().ends(0).text(), "job\n");
}

#[test]
fn doctor_says_whether_browsers_can_connect() {
    for (flag, speaks) in [(Some("--websocket"), true), (None, false)] {
        let listen = ["recv", "-b", "tcp://127.0.0.1:0"];
        let mut there = Process::start(&[&listen[..], flag.as_slice()].concat());
        let endpoint = there.endpoint();
        let report = run(&["doctor", &endpoint, "--json"]).ends(0).json();
        assert_eq!(report["websocket"], speaks);
        if speaks {
            let text = run(&["doctor", &ws(&endpoint)]);
            assert!(
                text.ends(0).text().contains("websocket  yes"),
                "{}",
                text.text()
            );
        }
    }
}

/// A stranger's request, and a look at who listens: one line for each fault, and none for a
/// look at what is well.
#[test]
fn a_listener_says_what_came_and_nothing_of_a_look() {
    let listen = ["recv", "-b", "tcp://127.0.0.1:0", "-n", "1", "--websocket"];
    let mut receiver = Process::start(&listen);
    let endpoint = receiver.endpoint();
    run(&["doctor", &endpoint]).ends(0);
    let mut stranger = TcpStream::connect(endpoint.trim_start_matches("tcp://")).unwrap();
    let request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    stranger.write_all(request).unwrap();
    let mut answer = String::new();
    stranger.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    run(&["send", "-c", &endpoint, "the end"]).ends(0);
    let done = receiver.finish();
    let lines: Vec<_> = done.ends(0).stderr.lines().collect();
    let [_listening, refused, _received] = lines[..] else {
        panic!("{}", done.stderr);
    };
    assert!(refused.contains("a peer was refused"), "{refused}");
}

#[test]
fn what_is_wrong_is_named() {
    let recv = ["recv", "-b", "tcp://127.0.0.1:0"];
    for (args, words) in [
        (
            &["--websocket-origin", "https://a"][..],
            &["--websocket"][..],
        ),
        (
            &["--websocket", "--websocket-origin", "a.example"],
            &["--websocket-origin", "origin"],
        ),
        (
            &["--websocket", "--websocket-path", "jobs"],
            &["--websocket-path", "slash"],
        ),
    ] {
        run(&[&recv[..], args].concat()).fails(2, words);
    }
    run(&["recv", "-b", "ws://127.0.0.1:0/"]).fails(2, &["bind tcp://"]);
    let send = ["send", "-c", "ws://127.0.0.1:1/", "x", "--websocket-header"];
    run(&[&send[..], &["nonsense"]].concat()).fails(2, &["NAME: VALUE"]);
    run(&[&send[..], &["Host: elsewhere"]].concat()).fails(2, &["Host", "belongs"]);
}
