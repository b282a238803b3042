//! A process of ours, to be killed.
//!
//! It is this very test binary, told by an environment variable to run an echo
//! peer in place of a test.

use std::process::{Command, Stdio};

use tokio::io::AsyncReadExt;

use super::*;
use crate::running::Running;

/// `bind ADDRESS` or `connect ADDRESS`.
const ROLE: &str = "AIOMSG_INTEROP_ROLE";

/// What the process says before its port, when it is ready.
const READY: &str = "ready at port ";

/// The process's identity, each time that it runs.
pub(crate) const IDENTITY: [u8; 16] = *b"the rust process";

pub(crate) struct OurProcess {
    running: Running,
    port: u16,
}

impl OurProcess {
    pub(crate) async fn binds(address: &str) -> Self {
        Self::start("bind", address).await
    }

    pub(crate) async fn connects(address: &str) -> Self {
        Self::start("connect", address).await
    }

    async fn start(role: &str, address: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["our_process::peer_process", "--exact", "--nocapture"])
            .env(ROLE, format!("{role} {address}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let running = Running::start("our process", &mut command);
        // The test harness may have begun the line.
        let port = |line: &String| Some(line.split_once(READY)?.1.to_owned());
        let port = running
            .wait(READY, |output| output.lines.iter().find_map(port))
            .await;
        Self {
            running,
            port: port.parse().unwrap(),
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `SIGKILL`: no code of ours runs any more.
    pub(crate) async fn kill(mut self) {
        self.running.kill();
    }
}

/// The process itself; and, where it is run as a test, a test of what the
/// process does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peer_process() {
    let socket = Socket::builder().identity(IDENTITY).build().unwrap();
    let Ok(role) = std::env::var(ROLE) else {
        let endpoint = socket.bind(LOOPBACK).await.unwrap();
        tokio::spawn(echo(socket));
        let client = Socket::new().unwrap();
        client.connect(endpoint).unwrap();
        client.send("anybody?").await.unwrap();
        let (from, message) = recv_from(&client).await;
        assert_eq!(from.as_bytes(), IDENTITY);
        assert_eq!(message, "anybody?");
        return;
    };

    let port = match role.split_once(' ').unwrap() {
        ("bind", address) => socket.bind(address).await.unwrap().port(),
        (_, address) => {
            socket.connect(address).unwrap();
            address.parse::<Endpoint>().unwrap().port()
        }
    };
    println!("{READY}{}", port.unwrap());
    // So that it does not outlive the test that started it, whose death closes
    // the pipe.
    let mut stdin = tokio::io::stdin();
    tokio::select! {
        () = echo(socket) => {}
        _ = stdin.read_u8() => {}
    }
}

async fn echo(socket: Socket) {
    while let Ok((from, message)) = socket.recv_identity().await {
        socket.send_to(from, message).await.unwrap();
    }
}
