//! What is sent arrives.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::process::{Process, command, run, run_with};

/// A receiver that ends with its sender.
fn receiver(options: &[&str]) -> (Process, String) {
    let args = [
        &["recv", "-b", "tcp://127.0.0.1:0", "--until-gone"],
        options,
    ]
    .concat();
    let mut receiver = Process::start(&args);
    let endpoint = receiver.endpoint();
    (receiver, endpoint)
}

#[test]
fn texts_arrive_as_lines_in_their_order() {
    let (receiver, endpoint) = receiver(&[]);
    run(&["send", "-c", &endpoint, "one", "", "two words"]).ends(0);
    let done = receiver.finish();
    assert_eq!(done.ends(0).text(), "one\n\ntwo words\n");
}

#[test]
fn either_end_may_bind() {
    let mut sender = Process::start(&["send", "-b", "tcp://127.0.0.1:0", "hello"]);
    let endpoint = sender.endpoint();
    let received = run(&["recv", "-c", &endpoint, "-n", "1"]);
    assert_eq!(received.ends(0).text(), "hello\n");
    sender.finish().ends(0);
}

#[test]
fn every_address_of_a_name_is_connected_to() {
    let (receiver, endpoint) = receiver(&[]);
    let name = endpoint.replace("127.0.0.1", "localhost");
    run(&["send", "--connect-all", &name, "hello"]).ends(0);
    assert_eq!(receiver.finish().ends(0).text(), "hello\n");
}

#[test]
fn a_name_that_does_not_resolve_is_named() {
    let name = "tcp://nobody.invalid:1";
    run(&["recv", "--connect-all", name, "--timeout", "1s"]).fails(3, &[name, "has no address"]);
}

#[test]
fn lines_of_any_bytes_go_through_a_pipe_as_they_are() {
    let lines = b"one\r\n\n\xff\xfe two\nthree\n";
    let (receiver, endpoint) = receiver(&[]);
    run_with(&["send", "-c", &endpoint], lines).ends(0);
    assert_eq!(receiver.finish().ends(0).stdout, lines);
}

#[cfg(unix)]
#[test]
fn arguments_may_be_any_bytes() {
    use std::os::unix::ffi::OsStrExt;

    let (receiver, endpoint) = receiver(&[]);
    let mut sender = command(&["send", "-c", &endpoint]);
    let sent = sender
        .arg(std::ffi::OsStr::from_bytes(b"\xff\xfe"))
        .output()
        .unwrap();
    assert_eq!(sent.status.code(), Some(0));
    assert_eq!(receiver.finish().ends(0).stdout, b"\xff\xfe\n");

    // And where they may not, that is one line like others.
    let wrong = command(&["recv", "-b"])
        .arg(std::ffi::OsStr::from_bytes(b"\xff"))
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(
        wrong.stderr.iter().filter(|byte| **byte == b'\n').count(),
        1
    );
}

#[test]
fn many_lines_arrive_all_and_in_order() {
    let lines: String = (0..50_000).map(|line| format!("line {line}\n")).collect();
    for guarantee in [&[][..], &["--at-least-once"]] {
        let (receiver, endpoint) = receiver(&[]);
        let args = [&["send", "-c", &endpoint], guarantee].concat();
        run_with(&args, lines.as_bytes()).ends(0);
        assert!(receiver.finish().ends(0).stdout == lines.as_bytes());
    }
}

#[test]
fn json_says_all_of_a_message() {
    let (receiver, endpoint) = receiver(&["--json"]);
    let identity = "hex:00112233445566778899aabbccddeeff";
    let args = [
        "send",
        "-c",
        &endpoint,
        "-a",
        "--identity",
        identity,
        "--json",
    ];
    let sent = run_with(&args, "é\"\\\n\u{0}\n".as_bytes());
    assert_eq!(sent.ends(0).json()["messages"], 2);
    let done = receiver.finish();
    let lines: Vec<serde_json::Value> = done
        .ends(0)
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["text"], "é\"\\");
    assert_eq!(lines[0]["size"], 4);
    assert_eq!(lines[0]["from"], identity);
    assert_eq!(lines[0]["id"].as_str().unwrap().len(), 32);
    assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(lines[1]["text"], "\u{0}");
    assert!(lines[1].get("base64").is_none());
}

#[test]
fn json_has_bytes_that_are_no_text_as_base64() {
    let (receiver, endpoint) = receiver(&["--json"]);
    run_with(&["send", "-c", &endpoint, "--raw"], b"\xff\x00").ends(0);
    let line = receiver.finish().json();
    assert_eq!(
        STANDARD.decode(line["base64"].as_str().unwrap()).unwrap(),
        b"\xff\x00"
    );
    assert!(line.get("text").is_none() && line.get("id").is_none());
}

#[test]
fn an_addressed_message_goes_to_its_peer_alone() {
    let mut sender = Process::start(&[
        "send",
        "-b",
        "tcp://127.0.0.1:0",
        "--to",
        "the-second--peer",
        "--wait-peers",
        "2",
        "for you",
    ]);
    let endpoint = sender.endpoint();
    let first = Process::start(&[
        "recv",
        "-c",
        &endpoint,
        "--identity",
        "the-first---peer",
        "--until-gone",
    ]);
    let second = Process::start(&[
        "recv",
        "-c",
        &endpoint,
        "--identity",
        "the-second--peer",
        "--until-gone",
    ]);
    sender.finish().ends(0);
    assert_eq!(first.finish().ends(0).text(), "");
    assert_eq!(second.finish().ends(0).text(), "for you\n");
}

#[test]
fn a_published_message_goes_to_all_and_others_go_around() {
    for (flags, each) in [(&["--publish"][..], 4), (&[], 2)] {
        let args = [
            &[
                "send",
                "-b",
                "tcp://127.0.0.1:0",
                "--wait-peers",
                "2",
                "a",
                "b",
                "c",
                "d",
            ],
            flags,
        ]
        .concat();
        let mut sender = Process::start(&args);
        let endpoint = sender.endpoint();
        let receivers =
            [(); 2].map(|()| Process::start(&["recv", "-c", &endpoint, "--until-gone"]));
        sender.finish().ends(0);
        for receiver in receivers {
            assert_eq!(receiver.finish().ends(0).text().lines().count(), each);
        }
    }
}

#[test]
fn counts_and_repeats_are_kept() {
    let (receiver, endpoint) = receiver(&[]);
    run(&[
        "send", "-c", &endpoint, "a", "b", "--repeat", "forever", "-n", "5",
    ])
    .ends(0);
    assert_eq!(receiver.finish().text(), "a\nb\na\nb\na\n");

    let (receiver, endpoint) = self::receiver(&[]);
    run(&["send", "-c", &endpoint, "a", "b", "--repeat", "2"]).ends(0);
    assert_eq!(receiver.finish().text(), "a\nb\na\nb\n");

    let (receiver, endpoint) = self::receiver(&[]);
    run_with(&["send", "-c", &endpoint, "-n", "2"], b"1\n2\n3\n").ends(0);
    assert_eq!(receiver.finish().text(), "1\n2\n");
}

#[test]
fn messages_at_a_rate_arrive_all() {
    let (receiver, endpoint) = receiver(&[]);
    let args = [
        "send", "-c", &endpoint, "x", "--repeat", "60", "--rate", "200/s", "--json",
    ];
    let sent = run(&args);
    // Tower's layer lets no more pass, however slow the machine is.
    assert!(sent.ends(0).json()["seconds"].as_f64().unwrap() >= 0.19);
    assert_eq!(receiver.finish().ends(0).text().lines().count(), 60);
}

#[test]
fn a_receiver_that_has_its_count_ends() {
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0", "-n", "2"]);
    let endpoint = receiver.endpoint();
    // At-least-once: what the receiver does not take stays with the sender, which
    // says so.
    let args = [
        "send", "-c", &endpoint, "-a", "1", "2", "3", "--linger", "300ms",
    ];
    let sent = run(&args);
    assert_eq!(receiver.finish().ends(0).text(), "1\n2\n");
    sent.fails(1, &["not all was acknowledged", "--linger"]);
}

#[test]
fn a_count_that_is_not_reached_is_a_failure() {
    let mut receiver =
        Process::start(&["recv", "-b", "tcp://127.0.0.1:0", "-n", "3", "--until-gone"]);
    let endpoint = receiver.endpoint();
    run(&["send", "-c", &endpoint, "1", "2"]).ends(0);
    let done = receiver.finish();
    assert_eq!(done.text(), "1\n2\n");
    done.fails(1, &["all peers have gone", "2 of 3"]);
}

#[test]
fn the_dialect_may_be_that_of_2019() {
    let (receiver, endpoint) = receiver(&["--dialect", "2019", "--identity", "short"]);
    // Bytes that would be a heartbeat there.
    run(&[
        "send",
        "-c",
        &endpoint,
        "--to",
        "short",
        "aiomsg-heartbeat",
        "",
    ])
    .ends(0);
    assert_eq!(receiver.finish().ends(0).text(), "aiomsg-heartbeat\n\n");
}

fn length_prefixed(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(message);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_messages_come_out_as_they_were(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..40),
        acknowledged: bool,
    ) {
        let bytes = length_prefixed(&messages);
        let (receiver, endpoint) = receiver(&["--length-prefixed"]);
        let mut args = vec!["send", "-c", &endpoint, "--length-prefixed"];
        if acknowledged {
            args.push("--at-least-once");
        }
        run_with(&args, &bytes).ends(0);
        prop_assert!(receiver.finish().ends(0).stdout == bytes);
    }
}
