//! Bench measures; how fast it is, is not looked at here.

use super::process::{Process, run};

#[test]
fn round_trips_are_counted_and_drawn() {
    let mut echo = Process::start(&["echo", "-b", "tcp://127.0.0.1:0"]);
    let endpoint = echo.endpoint();
    let quick = ["-d", "300ms", "--warm-up", "20ms", "--answer-within", "30s"];

    let args = [
        &["bench", "-c", &endpoint, "--json", "-i", "8", "-a"][..],
        &quick,
    ]
    .concat();
    let report = run(&args).ends(0).json();
    assert!(report["messages"].as_u64().unwrap() > 0);
    assert_eq!(
        (report["missing"].as_u64(), report["strange"].as_u64()),
        (Some(0), Some(0))
    );
    let latency = &report["latency_microseconds"];
    let names = ["min", "p50", "p90", "p99", "p99.9", "p99.99", "max"];
    let times = names.map(|name| latency[name].as_f64().unwrap());
    assert!(times.is_sorted(), "{latency}");

    let args = [&["bench", "-c", &endpoint][..], &quick].concat();
    let text = run(&args);
    let text = text.ends(0).text();
    for part in ["round trips of 64 bytes", "p99.9", "a second", " |#"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn one_way_is_counted_by_what_left_or_was_acknowledged() {
    let (_sink, endpoint) = sink();
    for flags in [&[][..], &["-a"]] {
        let args = [
            &[
                "bench",
                "-c",
                &endpoint,
                "--one-way",
                "--json",
                "-s",
                "1000",
            ],
            &["-d", "300ms", "--warm-up", "20ms"][..],
            flags,
        ]
        .concat();
        let report = run(&args).ends(0).json();
        assert!(report["messages"].as_u64().unwrap() > 0);
        assert_eq!(report["missing"], 0);
        assert!(report.get("latency_microseconds").is_none());
    }
}

#[test]
fn a_peer_that_does_not_answer_is_told() {
    let (_sink, endpoint) = sink();
    let args = ["bench", "-c", &endpoint, "--answer-within", "200ms"];
    run(&args).fails(1, &["did not come back", "aiomsg echo"]);
}

/// What takes everything and answers nothing, and where it is.
fn sink() -> (Process, String) {
    let mut sink = Process::start(&[
        "recv",
        "-b",
        "tcp://127.0.0.1:0",
        "--raw",
        "-o",
        "/dev/null",
    ]);
    let endpoint = sink.endpoint();
    (sink, endpoint)
}
