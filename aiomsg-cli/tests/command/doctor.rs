//! What is wrong is said in a sentence.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;

use super::certificate::certificate;
use super::process::{Process, run};

#[test]
fn a_socket_that_is_well() {
    let mut there = Process::start(&[
        "recv",
        "-b",
        "tcp://127.0.0.1:0",
        "--identity",
        "the-one-in-there",
    ]);
    let endpoint = there.endpoint();
    let report = run(&["doctor", &endpoint, "--json"]).ends(0).json();
    assert_eq!(
        (report["ok"].as_bool(), report["tls"].as_bool()),
        (Some(true), Some(false))
    );
    assert_eq!(report["identity"], "the-one-in-there");
    assert_eq!(report["dialects"], serde_json::json!(["v1", "2019"]));
    let text = run(&["doctor", &endpoint]);
    assert!(text.ends(0).text().contains("all well"), "{}", text.text());
}

#[test]
fn a_socket_that_speaks_one_dialect() {
    for (dialect, identity) in [("2019", "short"), ("v1", "the-one-in-there")] {
        let mut there = Process::start(&[
            "recv",
            "-b",
            "tcp://127.0.0.1:0",
            "--dialect",
            dialect,
            "--identity",
            identity,
        ]);
        let endpoint = there.endpoint();
        let report = run(&["doctor", &endpoint, "--json"]).ends(0).json();
        assert_eq!(report["dialects"], serde_json::json!([dialect]));
        assert_eq!(report["identity"], identity);
    }
}

#[test]
fn a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = format!("unix://{}", dir.path().join("it.sock").display());
    run(&["doctor", &endpoint]).fails(3, &[&endpoint]);
    let mut there = Process::start(&["recv", "-b", &endpoint]);
    there.endpoint();
    run(&["doctor", &endpoint]).ends(0);
}

/// A job that is sent to somebody who only looks is a job lost.
#[test]
fn a_look_takes_no_messages() {
    let lines: String = (0..500).map(|line| format!("{line}\n")).collect();
    let (mut sender, mut stdin) = Process::with_stdin(&["send", "-b", "tcp://127.0.0.1:0"]);
    stdin.write_all(lines.as_bytes()).unwrap();
    drop(stdin);
    let endpoint = sender.endpoint();
    for _ in 0..3 {
        run(&["doctor", &endpoint]).ends(0);
    }
    let received = run(&["recv", "-c", &endpoint, "--until-gone"]);
    assert_eq!(received.ends(0).text(), lines);
    sender.finish().ends(0);
}

#[test]
fn a_heartbeat_is_waited_for() {
    let mut there = Process::start(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = there.endpoint();
    let args = [
        "doctor",
        &endpoint,
        "--join",
        "--json",
        "--heartbeat",
        "40s",
    ];
    let report = run(&args).ends(0).json();
    assert!(report["joined"]["heartbeat_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(report["joined"]["lost"], 0);
    run(&["doctor", &endpoint, "--join", "--heartbeat", "1ms"]).fails(1, &["no heartbeat"]);
}

#[test]
fn an_identity_that_is_in_use() {
    let identity = "one-and-the-same";
    let mut there = Process::start(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = there.endpoint();
    let args = ["peers", "-c", &endpoint, "--identity", identity, "--watch"];
    let (first, stdout) = Process::with_stdout(&args);
    // The doctor's turn is when the first one is in.
    let (mut up, mut stdout) = (String::new(), BufReader::new(stdout));
    stdout.read_line(&mut up).unwrap();
    assert!(up.contains(" up "), "{up}");
    let args = [
        "doctor",
        &endpoint,
        "--join",
        "--identity",
        identity,
        "--heartbeat",
        "40s",
    ];
    run(&args).fails(1, &["ends the connection", "identity", "--identity"]);
    drop((first, stdout));
}

/// A server that sends this to every client, at once or when it has heard enough.
fn server(waits_for: &'static [u8], says: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut heard = Vec::new();
                let mut some = [0; 1024];
                while !heard.ends_with(waits_for) {
                    match stream.read(&mut some) {
                        Ok(len @ 1..) => heard.extend_from_slice(&some[..len]),
                        _ => return,
                    }
                }
                let _ = stream.write_all(says);
                // Until the other end has gone.
                let _ = stream.read_to_end(&mut heard);
            });
        }
    });
    endpoint
}

#[test]
fn others_that_listen_are_named() {
    for (waits_for, says, name) in [
        (&b""[..], &b"SSH-2.0-OpenSSH_9.2\r\n"[..], "ssh"),
        (b"", b"220 mail.example.com ESMTP\r\n", "smtp"),
        (b"\0\0\0", b"HTTP/1.1 400 Bad Request\r\n\r\n", "http"),
        // This one waits for a request.
        (b"\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", "http"),
        (b"", b"hello there", "hello there"),
        (b"", b"\0\0\0\x12\x01\x02", "version 2"),
        (b"", b"\0\0\xff\xff", "not aiomsg"),
    ] {
        let endpoint = server(waits_for, says);
        run(&["doctor", &endpoint, "--timeout", "2s"]).fails(1, &[&endpoint, name]);
    }
}

#[test]
fn one_that_says_nothing_and_one_that_hangs_up() {
    let silent = server(b"never", b"");
    let args = ["doctor", &silent, "--timeout", "500ms"];
    run(&args).fails(1, &["something listens", "says nothing for 500ms"]);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(drop));
    run(&["doctor", &endpoint, "--timeout", "2s"]).fails(1, &["something listens", "see its log"]);
}

// ===== TLS =====

#[test]
fn tls_that_is_well_and_tls_that_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let [ours, other] = ["ours", "other"].map(|name| certificate(dir.path(), name));
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (cert, key) = (text(&ours.cert), text(&ours.key));

    let mut there = Process::start(&[
        "recv",
        "-b",
        "tls://127.0.0.1:0",
        "--cert",
        &cert,
        "--key",
        &key,
    ]);
    let endpoint = there.endpoint();
    let report = run(&["doctor", &endpoint, "--trust", &cert, "--json"])
        .ends(0)
        .json();
    assert_eq!(report["tls"], true);

    let trusts_other = run(&["doctor", &endpoint, "--trust", &text(&other.cert)]);
    trusts_other.fails(1, &["certificate is not trusted", "--trust"]);

    // A plain look at it.
    let plain = endpoint.replace("tls://", "tcp://");
    run(&["doctor", &plain, "--timeout", "2s"]).fails(1, &["tls is spoken there", &endpoint]);

    // TLS to a plain one.
    let mut there = Process::start(&["recv", "-b", "tcp://127.0.0.1:0"]);
    let plain = there.endpoint();
    let endpoint = plain.replace("tcp://", "tls://");
    let args = ["doctor", &endpoint, "--trust", &cert, "--timeout", "2s"];
    run(&args).fails(1, &["without tls", &plain]);

    // TLS to something else that is plain.
    let ssh = server(b"", b"SSH-2.0-OpenSSH_9.2\r\n").replace("tcp://", "tls://");
    run(&["doctor", &ssh, "--trust", &cert, "--timeout", "2s"]).fails(1, &["ssh"]);
}

#[test]
fn one_that_demands_a_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let [server, client] = ["server", "client"].map(|name| certificate(dir.path(), name));
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let mut there = Process::start(&[
        "recv",
        "-b",
        "tls://127.0.0.1:0",
        "--cert",
        &text(&server.cert),
        "--key",
        &text(&server.key),
        "--trust",
        &text(&client.cert),
    ]);
    let endpoint = there.endpoint();
    let trust = text(&server.cert);
    run(&["doctor", &endpoint, "--trust", &trust]).fails(
        1,
        &["demands a certificate", "set one with --cert and --key"],
    );
    let wrong = ["--cert", &text(&server.cert), "--key", &text(&server.key)];
    let args = [&["doctor", &endpoint, "--trust", &trust][..], &wrong].concat();
    run(&args).fails(1, &["refused our certificate"]);
    let right = ["--cert", &text(&client.cert), "--key", &text(&client.key)];
    let args = [&["doctor", &endpoint, "--trust", &trust][..], &right].concat();
    run(&args).ends(0);
    assert!(fs::metadata(&client.key).is_ok());
}

/// A heartbeat comes after a silence, and a socket that has much to say is never
/// silent: it was said to hang.
#[test]
fn any_frame_is_a_sign_of_life() {
    for more in [&[][..], &["--at-least-once"]] {
        let args = [
            "send",
            "-b",
            "tcp://127.0.0.1:0",
            "--repeat",
            "forever",
            "--rate",
            "300/s",
            "x",
        ];
        let mut busy = Process::start(&[&args[..], more].concat());
        let endpoint = busy.endpoint();
        let looked = run(&["doctor", "--join", &endpoint]);
        let text = looked.ends(0).text().to_owned();
        assert!(text.contains("came here and are lost"), "{text}");
        drop(busy);
    }
}
