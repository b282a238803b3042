//! Echo answers.

use super::process::{Process, run};

#[test]
fn every_message_is_answered_to_its_sender() {
    let mut echo = Process::start(&["echo", "-b", "tcp://127.0.0.1:0", "-n", "300", "--json"]);
    let endpoint = echo.endpoint();
    let bench = |size: &str| {
        Process::start(&[
            "bench",
            "-c",
            &endpoint,
            "--json",
            "-s",
            size,
            "-d",
            "60s",
            "--warm-up",
            "1ms",
        ])
    };
    // Each knows its own answers, and would report others.
    let two = [bench("16"), bench("100000")];
    let counts = echo.finish();
    assert_eq!(counts.ends(0).json()["messages"], 300);
    drop(two);
}

#[test]
fn an_acknowledgement_comes_with_the_answer() {
    let mut echo = Process::start(&["echo", "-b", "tcp://127.0.0.1:0", "-n", "2"]);
    let endpoint = echo.endpoint();
    run(&["send", "-c", &endpoint, "-a", "one", "two"]).ends(0);
    echo.finish();
}

/// Its answers wait for it, and everybody else's waited with them.
#[test]
fn a_peer_that_takes_no_answers_holds_up_nobody_elses() {
    use std::io::{Read, Write};

    let mut echo = Process::start(&["echo", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = echo.endpoint();
    let address = endpoint.trim_start_matches("tcp://");
    let mut mute = std::net::TcpStream::connect(address).unwrap();
    // A HELLO, and 32 MiB that it does not read again.
    let mut asked = b"\0\0\0\x12\x01\x01".to_vec();
    asked.extend([1; 16]);
    for _ in 0..32 {
        asked.extend((1u32 + (1 << 20)).to_be_bytes());
        asked.push(3);
        asked.resize(asked.len() + (1 << 20), b'.');
    }
    mute.write_all(&asked).unwrap();
    run(&["bench", "-c", &endpoint, "-d", "200ms", "--warm-up", "1ms"]).ends(0);
    let mut bytes = 0;
    let mut read = vec![0; 1 << 20];
    while bytes < asked.len() {
        bytes += mute.read(&mut read).unwrap();
    }
    drop(mute);
    echo.signal(rustix::process::Signal::TERM);
    echo.finish().ends(0);
}
