//! `aiomsg top` on a terminal.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcgetwinsize, tcsetwinsize};

use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::Instant;

use super::*;

const TAKES_THE_SCREEN: &str = "\x1b[?1049h";
const GIVES_IT_BACK: &str = "\x1b[?1049l";
const SHOWS_THE_CURSOR: &str = "\x1b[?25h";
const CLEARS: &str = "\x1b[2J";

/// Its rows: one of these, and the other one to have all of it drawn anew.
const ROWS: [u16; 2] = [40, 41];

/// `aiomsg top` on a terminal of its own.
struct Top {
    child: Child,
    /// What it reads and writes.
    terminal: OwnedFd,
    master: OwnedFd,
    written: Receiver<Vec<u8>>,
    seen: String,
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Top {
    fn start(address: &str) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let terminal = ioctl_tiocgptpeer(&master, flags).unwrap();
        tcsetwinsize(&terminal, size(ROWS[0])).unwrap();
        let end = || terminal.try_clone().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_aiomsg"))
            .args(["top", address])
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let mut screen = File::from(master.try_clone().unwrap());
        let (to, written) = channel(64);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                if to.blocking_send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            terminal,
            master,
            written,
            seen: String::new(),
        }
    }

    /// Waits for this, without a space, for which it moves the cursor.
    async fn writes(&mut self, text: &str) {
        let all = async {
            while !self.seen.contains(text) {
                let bytes = self.written.recv().await.expect("it is open");
                self.seen += &String::from_utf8_lossy(&bytes);
            }
        };
        within(text, all).await;
    }

    fn types(&self, keys: &str) {
        rustix::io::write(&self.master, keys.as_bytes()).unwrap();
    }

    /// All that is on its screen, which it draws anew, from above to below and without spaces.
    async fn screen(&mut self) -> String {
        self.seen.clear();
        let now = tcgetwinsize(&self.terminal).unwrap().ws_row;
        let other = ROWS.into_iter().find(|it| *it != now).unwrap();
        tcsetwinsize(&self.terminal, size(other)).unwrap();
        kill_process(Pid::from_child(&self.child), Signal::WINCH).unwrap();
        let drawn = async {
            loop {
                // With one of the last words of the last row, all of it has come. The row is
                // another one while a text is typed.
                if let Some((_, drawn)) = self.seen.rsplit_once(CLEARS)
                    && (drawn.contains("reverses,") || drawn.contains("Esc"))
                {
                    return drawn.to_owned();
                }
                let bytes = self.written.recv().await.expect("it is open");
                self.seen += &String::from_utf8_lossy(&bytes);
            }
        };
        within("a new screen", drawn).await
    }

    /// Waits until it shows exactly these of all, in this order.
    async fn shows(&mut self, names: &[&str], all: &[&str], foot: &str) {
        let mut screen = String::new();
        let shown = tokio::time::timeout(PATIENCE, async {
            loop {
                screen = self.screen().await;
                let mut places: Vec<_> = all
                    .iter()
                    .filter_map(|name| Some((screen.find(name)?, *name)))
                    .collect();
                places.sort_unstable();
                let order: Vec<_> = places.into_iter().map(|(_, name)| name).collect();
                if order == names && screen.contains(foot) {
                    return;
                }
            }
        });
        let shown = shown.await;
        let last = &self.seen;
        assert!(
            shown.is_ok(),
            "not {names:?} and {foot}, but {screen:?}, and then {last:?}"
        );
    }

    /// The code with which it ends.
    async fn ends(&mut self) -> Option<i32> {
        let mut status = None;
        until("its end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.and_then(|status| status.code())
    }

    /// Whether what is typed goes to it key by key.
    fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
}

fn size(rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// What a dashboard answers.
async fn status() -> String {
    let proxy = Proxy::start(&["--dashboard", "0"]).await;
    let page = proxy.program.after("dashboard: ").await;
    http::get(&format!("{page}api/status")).await.body
}

/// Takes a request, and leaves it open.
fn asked(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    stream
}

fn answer(listener: &TcpListener, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let mut stream = asked(listener);
    stream.write_all((head + body).as_bytes()).unwrap();
}

/// The shell was left with a screen that is not its own, and without what is typed.
#[tokio::test]
async fn a_signal_gives_the_terminal_back() {
    let status = status().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut top = Top::start(&address);
        answer(&listener, &status);
        top.writes(TAKES_THE_SCREEN).await;
        top.writes("producers").await;
        assert!(top.is_raw());
        // Also while it waits for an answer.
        let _open = asked(&listener);
        kill_process(Pid::from_child(&top.child), signal).unwrap();
        assert_eq!(top.ends().await, Some(0), "{signal:?}");
        assert!(!top.is_raw(), "{signal:?}");
        top.writes(GIVES_IT_BACK).await;
        top.writes(SHOWS_THE_CURSOR).await;
    }
}

/// A key waited for the answer, up to 10 s.
#[tokio::test]
async fn a_key_ends_it_while_there_is_no_answer() {
    let status = status().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut top = Top::start(&listener.local_addr().unwrap().to_string());
    answer(&listener, &status);
    top.writes("producers").await;
    let _open = asked(&listener);
    let start = Instant::now();
    rustix::io::write(&top.master, b"q").unwrap();
    assert_eq!(top.ends().await, Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "it waited for it");
}

/// Nothing but the meaning of the keys was tested, and not that they reach the proxy.
#[tokio::test]
async fn keys_sort_reverse_and_find_peers() {
    use aiomsg::Identity;
    use aiomsg::builder::{Dialect, Dialects};

    let proxy = Proxy::start(&["--dashboard", "0"]).await;
    let page = proxy.program.after("dashboard: ").await;
    let all = ["alice", "bob", "carol"];
    let mut peers = Vec::new();
    // The one that came first is neither the first nor the last by its name.
    for (name, messages) in [("bob", 2), ("carol", 3), ("alice", 1)] {
        let builder = Socket::builder().identity(Identity::new(name).unwrap());
        let socket = builder.dialects(Dialects::Only(Dialect::V2019)).build();
        let socket = proxy.joined(socket.unwrap(), "frontend").await;
        for _ in 0..messages {
            socket.send("hello").await.unwrap();
        }
        peers.push(socket);
    }
    let mut top = Top::start(page.strip_prefix("http://").unwrap());
    top.writes("producers").await;

    // By queue and rate, by rate, and by the messages that were received.
    top.types("ss");
    top.shows(&["carol", "bob", "alice"], &all, "received)")
        .await;
    top.types("r");
    top.shows(&["alice", "bob", "carol"], &all, "reversed)")
        .await;
    // By those that were sent, by the time of the connection, and by identity.
    top.types("rsss");
    top.shows(&["alice", "bob", "carol"], &all, "identity)")
        .await;
    top.types("r");
    top.shows(&["carol", "bob", "alice"], &all, "identity,")
        .await;

    // Letters of a text are no keys: `q` ends nothing, and `r` reverses nothing.
    top.types("/r");
    top.writes("Enter").await;
    top.types("\r");
    top.shows(&["carol"], &all, "\"r\"").await;
    top.types("/zq\r");
    top.shows(&[], &all, "\"zq\"").await;
    top.types("/al\x1b");
    top.shows(&["carol", "bob", "alice"], &all, "identity,")
        .await;
    top.types("q");
    assert_eq!(top.ends().await, Some(0));
}
