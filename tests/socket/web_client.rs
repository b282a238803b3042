//! The client for web pages, in Node.js, against a socket.

use super::*;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use aiomsg::AckMode;
use aiomsg::websocket::WebSocketGuard;
use tokio::process::{Child, Command};

const NEEDED: &str = "node, version 20.10 or later, runs the tests of web/";

/// Node.js, in the folder of the client.
fn node(args: &[&str]) -> Child {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let mut node = Command::new("node");
    node.arg("--experimental-websocket")
        .args(args)
        .current_dir(web)
        .kill_on_drop(true)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    node.spawn().expect(NEEDED)
}

async fn ends_well(node: Child) {
    let output = within("the end", node.wait_with_output()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
}

/// A server for browsers that acknowledges what it has handled.
async fn server(port: u16) -> (Socket, u16) {
    let server = Socket::builder()
        .websocket(WebSocketGuard::new())
        .ack_mode(AckMode::Handled)
        .at_least_once()
        .build()
        .unwrap();
    let endpoint = server.bind(format!("127.0.0.1:{port}")).await.unwrap();
    (server, endpoint.port().unwrap())
}

#[tokio::test]
async fn its_own_tests_pass() {
    ends_well(node(&["--test", "tests/socket.test.mjs"])).await;
}

#[tokio::test]
async fn it_sends_and_receives_messages_of_all_sizes() {
    let (server, port) = server(0).await;
    let node = node(&[
        "tests/against_a_socket.mjs",
        "echo",
        &format!("ws://127.0.0.1:{port}/"),
    ]);
    let echo = async {
        loop {
            let message = server.recv_message().await.unwrap();
            assert!(message.ack());
            let from = message.from().clone();
            let echo = aiomsg::Outbound::from(message).to(from);
            server.send_message(echo).await.unwrap();
        }
    };
    tokio::select! {
        () = ends_well(node) => {}
        () = echo => unreachable!("it echoes for ever"),
    }
}

/// The server ends in the middle, and starts again at the same port.
#[tokio::test]
async fn at_least_once_nothing_is_lost_with_a_server_that_starts_again() {
    const MESSAGES: u32 = 3000;
    let (mut first, port) = server(0).await;
    let url = format!("ws://127.0.0.1:{port}/");
    let node = node(&[
        "tests/against_a_socket.mjs",
        "count",
        &url,
        &MESSAGES.to_string(),
    ]);
    let serve = async {
        let mut missing: BTreeSet<u32> = (0..MESSAGES).collect();
        while !missing.is_empty() {
            let message = within("the next", first.recv_message()).await.unwrap();
            let text = std::str::from_utf8(message.payload()).unwrap();
            let is_new = missing.remove(&text.parse().unwrap());
            message.ack();
            if is_new && (missing.len() == 1000 || missing.len() == 2000) {
                // What waits in its inbox is lost with it.
                first.close(Duration::ZERO).await;
                (first, _) = server(port).await;
            }
        }
        // What has come twice is acknowledged, too.
        while let Ok(message) = first.recv_message().await {
            message.ack();
        }
    };
    tokio::select! {
        () = ends_well(node) => {}
        () = serve => unreachable!("it serves for ever"),
    }
}
