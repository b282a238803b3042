//! Headers of messages.

use aiomsg::{Outbound, Socket};
use serde_json::{Value, json};

use super::process::{Process, run};

fn objects(lines: &str) -> Vec<Value> {
    let objects = lines.lines().map(|it| serde_json::from_str(it).unwrap());
    objects.collect()
}

/// `aiomsg recv --json` for so many messages, and its endpoint.
fn receiver(command: &str, options: &[&str]) -> (Process, String) {
    let args = [&[command, "-b", "tcp://127.0.0.1:0", "--json"], options].concat();
    let mut receiver = Process::start(&args);
    let endpoint = receiver.endpoint();
    (receiver, endpoint)
}

#[test]
fn of_messages_are_shown_as_they_were_given() {
    let (receiver, endpoint) = receiver("recv", &["-n", "3"]);
    let headers = ["--header", "Trace-Id=a=b", "--header", "note=später"];
    let send = |options: &[&str]| {
        run(&[&["send", "-c", &endpoint, "hello"], options].concat()).ends(0);
    };
    send(&headers);
    send(&[&headers[..], &["-a"]].concat());
    send(&[]);
    let done = receiver.finish();
    let lines = objects(done.ends(0).text());
    let expected = json!({"trace-id": "a=b", "note": "später"});
    assert_eq!([&lines[0]["headers"], &lines[1]["headers"]], [&expected; 2]);
    assert_eq!(lines[2].get("headers"), None);
    assert!(lines.iter().all(|it| it["text"] == "hello"));
}

#[test]
fn of_published_messages_reach_their_subscribers() {
    let (receiver, endpoint) = receiver("subscribe", &["-n", "1", "--topic", "news"]);
    let publish = ["publish", "-c", &endpoint, "--topic", "news", "x"];
    run(&[&publish[..], &["--header", "a=1"]].concat()).ends(0);
    let done = receiver.finish();
    assert_eq!(
        objects(done.ends(0).text())[0]["headers"],
        json!({"a": "1"})
    );
}

#[test]
fn that_a_peer_cannot_get_are_reported() {
    let (receiver, endpoint) = receiver("recv", &["-n", "1", "--dialect", "2019"]);
    let sent = run(&["send", "-c", &endpoint, "--header", "a=1", "hello"]);
    let note = "note: 1 messages went without their headers";
    assert!(sent.ends(0).stderr.contains(note), "{}", sent.stderr);
    let done = receiver.finish();
    let object = &objects(done.ends(0).text())[0];
    assert_eq!(
        (&object["text"], object.get("headers")),
        (&json!("hello"), None)
    );
}

#[test]
fn that_are_none_are_named() {
    let many: Vec<_> = (0..33).map(|n| format!("--header=name-{n}=x")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    for (options, word) in [
        (&["--header", "nothing"][..], "NAME=VALUE"),
        (&["--header", "two words=x"], "two words"),
        (&["--header", "a=line\nbreak"], "control character"),
        (&many, "they are 33, where they are at most 32"),
    ] {
        for command in ["send", "publish", "request"] {
            let args = [command, "-c", "tcp://127.0.0.1:1", "x"];
            run(&[&args[..], options].concat()).fails(2, &["--header", word]);
        }
    }
}

#[test]
fn of_a_message_are_echoed() {
    let mut echo = Process::start(&["echo", "-b", "tcp://127.0.0.1:0", "-n", "2"]);
    let endpoint = echo.endpoint();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let socket = Socket::builder().at_least_once().build().unwrap();
        socket.connect(endpoint).unwrap();
        let message = Outbound::new("hello").header("trace-id", "17");
        socket.send_message(message.clone()).await.unwrap();
        socket.send("plain").await.unwrap();
        let answer = socket.recv_message().await.unwrap();
        assert_eq!(answer.headers(), message.headers());
        assert!(socket.recv_message().await.unwrap().headers().is_empty());
        socket.close(std::time::Duration::from_secs(5)).await;
    });
    echo.finish().ends(0);
}

#[cfg(unix)]
#[test]
fn of_a_request_are_variables_of_its_command() {
    let text = "cat; printf ' %s' \"$AIOMSG_HEADER_TRACE_ID\" \"$AIOMSG_HEADER_PATH\"";
    let mut reply = Process::start(&["reply", "-b", "tcp://127.0.0.1:0", "--shell", text]);
    let endpoint = reply.endpoint();
    let value = "$(exit 7); \"quoted\"";
    let header = format!("trace-id={value}");
    let args = ["request", "-c", &endpoint, "--header", &header, "x"];
    let done = run(&[&args[..], &["--header", "path=/nowhere"]].concat());
    assert_eq!(done.ends(0).text(), format!("x {value} /nowhere\n"));
    // The next request has none of them.
    let done = run(&["request", "-c", &endpoint, "x"]);
    assert_eq!(done.ends(0).text(), "x  \n");
}
