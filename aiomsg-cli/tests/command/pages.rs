//! The commands of the pages for users, as they are printed there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use super::process::{Done, Process};

const README: &str = include_str!("../../../README.md");
const SECURITY: &str = include_str!("../../../docs/security.md");
const COMING_FROM: &str = include_str!("../../../docs/coming-from.md");
const TROUBLESHOOTING: &str = include_str!("../../../docs/troubleshooting.md");

/// Commands, and what the page says that they write.
struct Block<'a> {
    commands: &'a str,
    output: Option<&'a str>,
}

/// The blocks of commands of a page, with the block of text right behind each.
fn blocks(page: &str) -> Vec<Block<'_>> {
    let blocks = page.split("\n```sh\n").skip(1);
    let blocks = blocks.map(|rest| {
        let (commands, rest) = rest.split_once("\n```\n").expect("the block ends");
        let output = rest.strip_prefix("\n```text\n");
        let output = output.map(|text| text.split_once("\n```\n").expect("the block ends").0);
        Block { commands, output }
    });
    blocks.collect()
}

/// The ports of the pages, and those that they stand for.
struct Ports(BTreeMap<u16, u16>);

impl Ports {
    /// A socket listens at the first one, and nobody at the others.
    fn with_listener_at(listening: u16) -> Self {
        let free = |_| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            (listener, port)
        };
        // Held together, so that they differ.
        let free: Vec<_> = (0..3).map(free).collect();
        let mut ports = BTreeMap::from([(25000, listening)]);
        ports.extend(
            [25001, 25002, 25009]
                .into_iter()
                .zip(free.iter().map(|it| it.1)),
        );
        Self(ports)
    }

    fn replace(&self, text: &str) -> String {
        let with_colon = |port: u16| format!(":{port}");
        self.0.iter().fold(text.to_owned(), |text, (from, to)| {
            text.replace(&with_colon(*from), &with_colon(*to))
        })
    }
}

/// A shell that runs commands in a folder, and finds `aiomsg`.
fn shell(commands: &str, folder: &Path) -> Process {
    let binary = Path::new(env!("CARGO_BIN_EXE_aiomsg")).parent().unwrap();
    let mut path = OsString::from(binary);
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let child = Command::new("bash")
        .args(["-e", "-c", commands])
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    Process::of(child.expect("bash is installed"))
}

/// Lines without what differs from run to run: numbers, and random identities.
fn fixed(text: &str) -> Vec<String> {
    let word = |word: &str| match word {
        _ if word.starts_with("hex:") => "hex:…".to_owned(),
        _ if word.parse::<f64>().is_ok() => "…".to_owned(),
        _ => word.to_owned(),
    };
    let line = |line: &str| {
        let words: Vec<_> = line.split_whitespace().map(word).collect();
        words.join(" ")
    };
    text.lines().map(line).collect()
}

/// Runs all commands of a page, each block with its own socket that listens at port 25000.
fn follow(page: &str) -> Vec<Done> {
    let blocks = blocks(page);
    let run = |block: &Block<'_>| {
        let mut listener = Process::start(&["recv", "-b", "tcp://127.0.0.1:0"]);
        let listening = listener.endpoint();
        let (_, port) = listening.rsplit_once(':').unwrap();
        let ports = Ports::with_listener_at(port.parse().unwrap());
        let commands = ports.replace(block.commands);
        let folder = tempfile::tempdir().unwrap();
        // What runs in the background ends with the block, also with one that fails.
        let script = format!("trap 'kill $(jobs -p) 2>/dev/null' EXIT\n{commands}\ntrap - EXIT");
        let done = shell(&script, folder.path()).finish();
        assert_eq!(done.code, Some(0), "{commands}\n{}", done.stderr);
        if let Some(output) = block.output {
            let output = ports.replace(output);
            assert_eq!(fixed(done.text()), fixed(&output), "{commands}");
        }
        done
    };
    blocks.iter().map(run).collect()
}

#[test]
fn those_for_people_who_know_another_library() {
    let done = follow(COMING_FROM);
    assert_eq!(done.len(), 2);
}

#[test]
fn those_for_faults_of_all_kinds() {
    let done = follow(TROUBLESHOOTING);
    let codes: Vec<_> = done
        .iter()
        .map(|done| done.text().matches("code 3").count())
        .collect();
    // The doctor with a listener, and without; the peers; the message for nobody.
    assert_eq!(codes, [0, 1, 0, 1]);
}

/// The commands of the README and of the page on security for TLS, with the files that the
/// latter makes.
#[test]
fn those_for_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (_, recipe) = SECURITY
        .split_once("## The recipe of the cookbook")
        .unwrap();
    let made = shell(blocks(recipe)[0].commands, folder.path()).finish();
    assert_eq!(made.code, Some(0), "{}", made.stderr);

    let blocks = blocks(README);
    let block = blocks.iter().find(|block| block.commands.contains("tls:"));
    let commands = block.unwrap().commands;
    assert!(SECURITY.contains(commands), "both pages have {commands}");
    let (recv, send) = commands.split_once('\n').unwrap();
    let recv = recv.replace("0.0.0.0:25000", "127.0.0.1:0");
    let mut recv = shell(&format!("exec {recv} --count 1"), folder.path());
    let send = send.replace("tls://127.0.0.1:25000", &recv.endpoint());
    let sent = shell(&send, folder.path()).finish();
    assert_eq!(sent.code, Some(0), "{send}\n{}", sent.stderr);
    let received = recv.finish();
    assert_eq!(received.ends(0).text(), "hello\n");
}
