//! Every wrong command line is one line that says what to do, and code 2.

use super::process::run;

const THERE: [&str; 2] = ["-c", "tcp://127.0.0.1:1"];

#[test]
fn wrong_command_lines() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["bogus"], &["bogus", "see aiomsg --help"]),
        (&["send", "--bogus"], &["--bogus", "see aiomsg send --help"]),
        (
            &["recv", "--cuont", "1"],
            &["--count", "see aiomsg recv --help"],
        ),
        (&["echo", "--bogus"], &["--bogus", "see aiomsg echo --help"]),
        (
            &["bench", "--bogus"],
            &["--bogus", "see aiomsg bench --help"],
        ),
        (&["demo", "--bogus"], &["--bogus", "see aiomsg demo --help"]),
        (
            &["peers", "--bogus"],
            &["--bogus", "see aiomsg peers --help"],
        ),
        (
            &["doctor", "--bogus"],
            &["--bogus", "see aiomsg doctor --help"],
        ),
        (
            &["spool", "ls", "--bogus"],
            &["--bogus", "see aiomsg spool ls --help"],
        ),
        (&["spool", "show", "dir"], &["PLACE"]),
        (&["spool", "show", "dir", "first"], &["PLACE", "first"]),
        (&["man", "--bogus"], &["--bogus", "see aiomsg man --help"]),
        (&["completions", "nosh"], &["nosh", "bash", "zsh"]),
        (&["completions"], &["SHELL"]),
        (&["doctor"], &["ENDPOINT"]),
        (&["send", "hello"], &["--bind", "--connect"]),
        (
            &["recv", "tcp://127.0.0.1:1"],
            &["write \"-c tcp://127.0.0.1:1\" to connect"],
        ),
        (&["send", "127.0.0.1:1", "hello"], &["-b 127.0.0.1:1"]),
        (&["pull"], &["write \"aiomsg recv\""]),
        (&["pub"], &["publish"]),
        (
            &["publish", "weather.oslo", "rain"],
            &["write \"aiomsg publish -c ENDPOINT --topic weather.oslo rain\""],
        ),
        (
            &["publish", "-c", "127.0.0.1:1", "weather.oslo", "rain"],
            &["write \"--topic weather.oslo rain\""],
        ),
        (
            &["subscribe", "weather."],
            &["write \"aiomsg subscribe -c ENDPOINT --topic weather.\""],
        ),
        (
            &["recv", "-b", "ipc:///run/app.sock"],
            &["--bind", "unix:///run/app.sock"],
        ),
        (&["recv", "-b", "tcp://*:1"], &["tcp://0.0.0.0:1"]),
        (&["recv", "-b", "nowhere"], &["nowhere", "port"]),
        (&["recv", "-b", "http://x:1"], &["http"]),
        (&["recv", "-b", "tcp://127.0.0.1:65536"], &["65536"]),
        (&["recv", "-b", "mem://x"], &["mem://x", "unix://"]),
        (&["doctor", "mem://x"], &["mem://x"]),
        (
            &["recv", "-c", "tls://127.0.0.1:1"],
            &["tls://127.0.0.1:1", "--trust"],
        ),
        (
            &["doctor", "tls://127.0.0.1:1"],
            &["tls://127.0.0.1:1", "--trust"],
        ),
        (&["recv", "-b", "tls://127.0.0.1:0"], &["--cert", "--key"]),
        (
            &["recv", "-c", "tls://127.0.0.1:1"],
            &["--pin", "--system-roots"],
        ),
        (&["recv", "-c", "tcp://127.0.0.1:0"], &["port 0"]),
        (
            &["recv", "--connect-all", "tcp://x:0"],
            &["tcp://x:0", "port 0"],
        ),
        (
            &["recv", "--connect-all", "unix:///x"],
            &["unix:///x", "no name to resolve"],
        ),
        (
            &["recv", "--connect-all", "tls://x:1"],
            &["tls://x:1", "--trust"],
        ),
        (&["demo", "--jobs", "0"], &["--jobs", "from 1"]),
        (&["demo", "--consumers", "65"], &["--consumers", "64"]),
        (&["--log", "loud=very", "demo"], &["--log"]),
    ];
    for (args, with) in cases {
        run(args).fails(2, with);
    }
}

#[test]
fn wrong_values() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["send", "--timeout", "5"], &["--timeout", "5s", "forever"]),
        (
            &["bench", "--duration", "500years"],
            &["--duration", "longer than a year"],
        ),
        (&["send", "--linger", "soon"], &["--linger", "5s"]),
        (&["send", "--ack-timeout", "0s"], &["--ack-timeout", "zero"]),
        (&["send", "--rate", "fast", "x"], &["--rate", "100/s"]),
        (&["send", "--count", "0"], &["--count"]),
        (&["send", "--repeat", "0", "x"], &["--repeat", "forever"]),
        (
            &["send", "--repeat", "2"],
            &["--repeat", "standard input", "--file"],
        ),
        (&["send", "-f", "-", "--repeat", "2"], &["--repeat"]),
        (
            &["send", "--chunk-size", "none"],
            &["--chunk-size", "64KiB"],
        ),
        (
            &["send", "--chunk-size", "65MiB"],
            &["--chunk-size", "64 MiB"],
        ),
        (
            &["send", "--chunk-size", "1", "--lines"],
            &["--chunk-size", "--lines"],
        ),
        (&["send", "--lines", "--raw"], &["--lines", "--raw"]),
        (&["send", "x", "--file", "y"], &["--file"]),
        (&["send", "x", "--raw"], &["--raw"]),
        (
            &["send", "--publish", "--at-least-once"],
            &["--publish", "--at-least-once"],
        ),
        (&["send", "--publish", "--to", "x"], &["--publish", "--to"]),
        (&["send", "--to", "hex:0"], &["--to", "hexadecimal"]),
        (
            &["send", "--to", "00112233445566778899aabbccddeeff", "x"],
            &["--to", "write hex:00112233445566778899aabbccddeeff"],
        ),
        (
            &["send", "--peer-identity", "x", "x"],
            &["--peer-identity", "FINGERPRINT=IDENTITY"],
        ),
        (
            &["send", "--peer-identity-by-name", "x"],
            &["--peer-identity-by-name", "only tls://"],
        ),
        (
            &["send", "--server-name", "x", "x"],
            &["--trust", "--system-roots"],
        ),
        (
            &["send", "--identity", "short", "x"],
            &["--identity", "5 bytes", "--dialect 2019"],
        ),
        (&["send", "--cert", "x"], &["--key"]),
        (&["recv", "--raw", "--json"], &["--raw", "--json"]),
        (&["recv", "--count", "many"], &["--count", "many"]),
        (&["bench", "--size", "8"], &["--size", "16"]),
        (
            &["bench", "--size", "1MiB", "-i", "65536"],
            &["--in-flight"],
        ),
        (&["bench", "--in-flight", "0"], &["--in-flight"]),
        (
            &["bench", "--one-way", "-i", "5"],
            &["--one-way", "--in-flight"],
        ),
        (&["peers", "--watch", "--for", "1s"], &["--watch", "--for"]),
    ];
    for (args, with) in cases {
        run(&[args, &THERE[..]].concat()).fails(2, with);
    }
    run(&["doctor", THERE[1], "--identity", "x"]).fails(2, &["--join"]);
}

#[test]
fn without_anything_there_is_help() {
    let done = run(&[]);
    assert!(done.ends(2).stderr.contains("Usage: aiomsg"));
    let done = run(&["spool"]);
    assert!(done.ends(2).stderr.contains("Usage: aiomsg spool"));
}

#[test]
fn files_that_are_not_there_are_named() {
    for option in ["--pin", "--trust"] {
        let there = ["send", "-c", "tls://127.0.0.1:1", "x"];
        run(&[&there[..], &[option, "no/such/file"]].concat()).fails(2, &["no/such/file"]);
    }
}
