//! A NATS server with JetStream for one test.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

pub(crate) struct Server {
    port: u16,
    folder: TempDir,
    child: Child,
}

impl Server {
    /// Starts a server with JetStream, whose messages are in a folder of its own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|it| it.local_addr())
            .unwrap()
            .port();
        let child = run(port, &folder);
        Self {
            port,
            folder,
            child,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server, which learns nothing of it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with what it has on its disk.
    pub(crate) fn restart(&mut self) {
        self.child = run(self.port, &self.folder);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(port: u16, folder: &TempDir) -> Child {
    let child = Command::new("nats-server")
        .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut child = child.unwrap_or_else(|error| {
        panic!("nats-server does not start ({error}): the package nats-server has it")
    });
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the server is not up"
        );
        assert!(child.try_wait().unwrap().is_none(), "the server has ended");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}
