//! Requests, and commands that reply to them.

use super::process::{Process, Proxy, run, run_with};

/// `aiomsg reply` with these options, and its endpoint.
fn replying(options: &[&str]) -> (Process, String) {
    let args = [&["reply", "-b", "tcp://127.0.0.1:0"], options].concat();
    let mut reply = Process::start(&args);
    let endpoint = reply.endpoint();
    (reply, endpoint)
}

#[test]
fn each_request_is_replied_to_in_order() {
    let (_reply, endpoint) = replying(&["--", "tr", "a-z", "A-Z"]);
    let texts = run(&["request", "-c", &endpoint, "one", "two\nlines"]);
    assert_eq!(texts.ends(0).text(), "ONE\nTWO\nLINES\n");
    let lines: String = (0..30).map(|n| format!("line {n}\n")).collect();
    let many = ["request", "-c", &endpoint, "--in-flight", "8"];
    let done = run_with(&many, lines.as_bytes());
    assert_eq!(done.ends(0).text(), lines.to_uppercase());
}

/// The output of a command ends with a newline, and the line of the reply with another.
#[test]
fn the_newline_of_a_reply_is_not_doubled() {
    let (_reply, endpoint) = replying(&["--shell", "cat; echo '!'"]);
    let request = |options: &[&str]| {
        let args = ["request", "-c", &endpoint, "a", "b"];
        let done = run(&[&args, options].concat());
        done.ends(0).text().to_owned()
    };
    assert_eq!(request(&[]), "a!\nb!\n");
    assert_eq!(request(&["--raw-replies"]), "a!\nb!\n");
    let objects = request(&["--json"]);
    let first: serde_json::Value = serde_json::from_str(objects.lines().next().unwrap()).unwrap();
    assert_eq!(first["request"], 1);
    assert_eq!(first["text"], "a!\n");
    assert_eq!(first["size"], 3);

    let args = ["request", "-c", &endpoint, "--length-prefixed"];
    let done = run_with(&args, b"\0\0\0\x01x\0\0\0\0");
    assert_eq!(done.ends(0).stdout, b"\0\0\0\x03x!\n\0\0\0\x02!\n");
}

#[test]
fn any_bytes_go_through_a_command() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bytes");
    let bytes: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(&file, &bytes).unwrap();
    let (_reply, endpoint) = replying(&["--", "cat"]);
    let file = file.to_str().unwrap();
    let done = run(&["request", "-c", &endpoint, "--raw-replies", "-f", file]);
    assert!(done.ends(0).stdout == bytes);
}

#[test]
fn a_command_need_not_read_its_request() {
    let (_reply, endpoint) = replying(&["--", "echo", "as always"]);
    let done = run_with(&["request", "-c", &endpoint, "--raw"], &[b'x'; 1 << 20]);
    let text = done.ends(0).text();
    assert!(!text.is_empty() && text.lines().all(|line| line == "as always"));
}

#[test]
fn one_peer_can_be_asked() {
    let other = ["reply", "--identity", "the other reply.", "-c"];
    let named = ["reply", "--identity", "the named reply.", "-c"];
    let args = ["request", "-b", "tcp://127.0.0.1:0", "--wait-peers", "2"];
    let to = ["--to", "the named reply.", "a", "b", "c"];
    let mut request = Process::start(&[&args[..], &to].concat());
    let endpoint = request.endpoint();
    let _other = Process::start(&[&other[..], &[&endpoint, "--", "echo", "other"]].concat());
    let _named = Process::start(&[&named[..], &[&endpoint, "--", "echo", "named"]].concat());
    assert_eq!(request.finish().ends(0).text(), "named\nnamed\nnamed\n");
}

#[test]
fn without_a_peer_the_code_is_3() {
    let args = [
        "request",
        "-c",
        "tcp://127.0.0.1:1",
        "--timeout",
        "100ms",
        "x",
    ];
    run(&args).fails(3, &["within 100ms"]);
}

/// A peer that sends other messages, and does not know what a request is.
#[cfg(unix)]
#[test]
fn what_is_no_reply_is_ignored_and_reported() {
    use rustix::process::Signal;

    let mut request = Process::start(&["request", "-b", "tcp://127.0.0.1:0", "x"]);
    let endpoint = request.endpoint();
    let forever = ["--repeat", "forever", "--rate", "100/s", "news"];
    let sender = Process::start(&[&["send", "-c", &endpoint], &forever[..]].concat());
    request.says("note: a message that is no reply");
    request.signal(Signal::INT);
    request.finish().fails(130, &["0 of 1 requests"]);
    sender.signal(Signal::INT);
    sender.finish();
}

#[test]
fn a_proxy_is_between_requests_and_commands() {
    let proxy = Proxy::start(&["--replies"]);
    let _reply = Process::start(&["reply", "-c", &proxy.backend, "--", "rev"]);
    let done = run(&["request", "-c", &proxy.frontend, "abc"]);
    assert_eq!(done.ends(0).text(), "cba\n");
}
