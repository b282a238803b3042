//! Files, and memory.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use super::process::{Process, run, run_with};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Bytes that repeat nowhere near.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

#[test]
fn a_file_goes_through_in_pieces_and_comes_out_as_it_was() {
    let dir = tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let content = bytes(8_000_001);
    fs::write(&from, &content).unwrap();
    for flags in [
        &["--chunk-size", "64KiB"][..],
        &["--raw", "--at-least-once"],
    ] {
        let mut receiver = Process::start(&[
            "recv",
            "-b",
            "tcp://127.0.0.1:0",
            "--until-gone",
            "--raw",
            "--output",
            path(&to),
        ]);
        let endpoint = receiver.endpoint();
        let args = [&["send", "-c", &endpoint, "--file", path(&from)], flags].concat();
        run(&args).ends(0);
        receiver.finish().ends(0);
        assert!(fs::read(&to).unwrap() == content, "{flags:?}");
    }
}

#[test]
fn a_file_without_more_is_one_message() {
    let dir = tempdir().unwrap();
    let files = ["one", "two"].map(|name| dir.path().join(name));
    fs::write(&files[0], "a\nb\n").unwrap();
    fs::write(&files[1], "").unwrap();
    let mut receiver = Process::start(&[
        "recv",
        "-b",
        "tcp://127.0.0.1:0",
        "--until-gone",
        "--length-prefixed",
    ]);
    let endpoint = receiver.endpoint();
    let args = [
        "send",
        "-c",
        &endpoint,
        "-f",
        path(&files[0]),
        "-f",
        path(&files[1]),
        "-f",
        "-",
    ];
    run_with(&args, b"c").ends(0);
    assert_eq!(
        receiver.finish().stdout,
        b"\0\0\0\x04a\nb\n\0\0\0\0\0\0\0\x01c"
    );
}

/// The writer of a named pipe would take a second opening of it for its end.
#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_like_a_file() {
    let dir = tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0", "--until-gone"]);
    let endpoint = receiver.endpoint();
    let sender = Process::start(&["send", "-c", &endpoint, "--lines", "-f", path(&pipe)]);
    fs::write(&pipe, "one\ntwo\n").unwrap();
    sender.finish().ends(0);
    assert_eq!(receiver.finish().ends(0).text(), "one\ntwo\n");
}

#[test]
fn what_is_too_large_for_a_message_is_told_before_anything_is_sent() {
    let dir = tempdir().unwrap();
    let large = dir.path().join("large");
    fs::File::create(&large)
        .unwrap()
        .set_len((64 << 20) + 1)
        .unwrap();
    let args = ["send", "-c", "tcp://127.0.0.1:1", "--file", path(&large)];
    run(&args).fails(2, &[path(&large), "67108865", "64 MiB", "--chunk-size"]);
}

#[test]
fn a_length_that_cannot_be_is_told_with_what_came_before_it_sent() {
    let mut receiver = Process::start(&["recv", "-b", "tcp://127.0.0.1:0", "--until-gone"]);
    let endpoint = receiver.endpoint();
    let sent = run_with(
        &["send", "-c", &endpoint, "--length-prefixed"],
        b"\0\0\0\x05hello\xff\xff\xff\xff",
    );
    sent.fails(2, &["standard input", "4294967295", "length-prefixed?"]);
    assert_eq!(receiver.finish().ends(0).text(), "hello\n");
}

#[test]
fn files_that_are_not_there_are_named() {
    let args = ["send", "-c", "tcp://127.0.0.1:1", "--file", "no/such/file"];
    run(&args).fails(2, &["no/such/file"]);
    let args = [
        "recv",
        "-c",
        "tcp://127.0.0.1:1",
        "--output",
        "no/such/file",
    ];
    run(&args).fails(2, &["no/such/file"]);
    run(&["send", "-c", "tcp://127.0.0.1:1", "--file", "."]).fails(2, &["directory"]);
}

/// It was empty before the command line was looked at.
#[test]
fn a_receiver_that_comes_to_nothing_leaves_the_file_as_it_was() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("precious");
    fs::write(&file, "precious, and long").unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp://{}", listener.local_addr().unwrap());
    for (args, code) in [
        (&["-c", "tls://127.0.0.1:1"][..], 2),
        (&["-b", &taken, "--identity", "short"], 2),
        (&["-b", &taken], 1),
        (&["-c", "tcp://127.0.0.1:1", "--timeout", "100ms"], 3),
    ] {
        let done = run(&[&["recv", "-o", path(&file)], args].concat());
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            "precious, and long",
            "{args:?}"
        );
        done.ends(code);
    }
    let mut receiver = Process::start(&[
        "recv",
        "-b",
        "tcp://127.0.0.1:0",
        "-n",
        "1",
        "-o",
        path(&file),
    ]);
    let endpoint = receiver.endpoint();
    run(&["send", "-c", &endpoint, "new"]).ends(0);
    receiver.finish().ends(0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "new\n");
}

/// A disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_ends_it() {
    let mut receiver =
        Process::start(&["recv", "-b", "tcp://127.0.0.1:0", "--output", "/dev/full"]);
    let endpoint = receiver.endpoint();
    run(&["send", "-c", &endpoint, "x"]);
    receiver.finish().fails(1, &["cannot be written"]);
}

/// Far more is sent than either end may hold, and nobody takes it.
#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded_while_nobody_reads() {
    const MOST: u64 = 96 << 10;

    for guarantee in [&[][..], &["--at-least-once"]] {
        let (mut receiver, stdout) =
            Process::with_stdout(&["recv", "-b", "tcp://127.0.0.1:0", "--raw"]);
        let endpoint = receiver.endpoint();
        let args = [
            &["send", "-c", &endpoint, "--raw", "--file", "/dev/zero"],
            guarantee,
        ]
        .concat();
        let sender = Process::start(&args);
        // It goes on for as long as this test looks at it.
        for _ in 0..15 {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let memory = [sender.peak_memory(), receiver.peak_memory()];
            assert!(memory.iter().all(|memory| *memory < MOST), "{memory:?} KiB");
        }
        drop(stdout);
        receiver.finish().ends(0);
    }
}
