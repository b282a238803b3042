//! A process that has no file descriptors left.

use super::*;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep};

/// Set in the process that is to run out of them.
const ROLE: &str = "AIOMSG_FEW_DESCRIPTORS";

/// Enough for the runtime and a few connections.
const DESCRIPTORS: usize = 40;

const PORT: &str = "ready at port ";
const FAILED: &str = "could not accept";

/// This very test binary, told by an environment variable to be an echo server,
/// with few descriptors.
struct Server {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\""))
            .arg(std::env::current_exe().unwrap())
            .args(["descriptors::server", "--exact", "--nocapture"])
            .env(ROLE, "server")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// What follows `words` in the next line that has them.
    async fn says(&mut self, words: &str) -> String {
        within(words, async {
            loop {
                let line = self.lines.next_line().await.unwrap();
                let line = line.expect("the server runs");
                // The test harness may have begun the line.
                if let Some((_, rest)) = line.split_once(words) {
                    return rest.to_owned();
                }
            }
        })
        .await
    }

    /// How long it has computed.
    fn computed(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id().unwrap());
        let stat = std::fs::read_to_string(path).unwrap();
        // Behind the name, which may have spaces in it: user and system time
        // are the 12th and 13th, in hundredths of a second.
        let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split(' ').collect();
        let ticks = |n: usize| fields[n].parse::<u64>().unwrap();
        Duration::from_millis((ticks(12) + ticks(13)) * 10)
    }
}

/// Pitfall 15: `accept` failed for want of a descriptor and was called again at
/// once, and so on, on a core of its own; or it was never called again.
#[tokio::test]
async fn a_server_without_descriptors_neither_spins_nor_gives_up() {
    let mut server = Server::start();
    let port: u16 = server.says(PORT).await.parse().unwrap();
    let endpoint = Endpoint::tcp("127.0.0.1", port);
    let old = Socket::new().unwrap();
    old.connect(endpoint.clone()).unwrap();
    old.send("before").await.unwrap();
    assert_eq!(within("an answer", old.recv()).await.unwrap(), "before");

    // The system completes these, whether or not they are accepted.
    let mut many = Vec::new();
    for _ in 0..DESCRIPTORS + 20 {
        many.push(Raw::connect(&endpoint).await);
    }
    server.says(FAILED).await;
    let (began, computed) = (Instant::now(), server.computed());
    for _ in 0..3 {
        server.says(FAILED).await;
    }
    assert!(
        began.elapsed() >= Duration::from_secs(1),
        "it does not wait"
    );
    let computed = server.computed() - computed;
    assert!(computed < began.elapsed() / 4, "it spins: {computed:?}");
    // Who is connected is served meanwhile.
    old.send("in between").await.unwrap();
    assert_eq!(within("an answer", old.recv()).await.unwrap(), "in between");

    drop(many);
    let new = Socket::new().unwrap();
    new.connect(endpoint).unwrap();
    new.send("after").await.unwrap();
    assert_eq!(within("an answer", new.recv()).await.unwrap(), "after");
}

/// The process itself; and, where it is run as a test, a test of what it does.
#[tokio::test]
async fn server() {
    let socket = Socket::new().unwrap();
    let mut events = socket.events();
    let endpoint = socket.bind("127.0.0.1:0").await.unwrap();
    let echo = async {
        while let Ok((from, message)) = socket.recv_identity().await {
            socket.send_to(from, message).await.unwrap();
        }
    };
    if std::env::var(ROLE).is_err() {
        let client = Socket::new().unwrap();
        client.connect(endpoint).unwrap();
        client.send("anybody?").await.unwrap();
        tokio::select! {
            () = echo => panic!("the socket is open"),
            answer = within("an answer", client.recv()) => assert_eq!(answer.unwrap(), "anybody?"),
        }
        return;
    }
    println!("{PORT}{}", endpoint.port().unwrap());
    let tell = async {
        while let Some(event) = events.next().await {
            if matches!(event, Event::AcceptFailed { remote: None, .. }) {
                println!("{FAILED}");
            }
        }
    };
    // So that it does not outlive the test that started it, whose death closes
    // the pipe.
    let mut stdin = tokio::io::stdin();
    tokio::select! {
        () = echo => {}
        () = tell => {}
        _ = stdin.read_u8() => {}
        () = sleep(PATIENCE * 3) => {}
    }
}
