//! The Python programs of docs/coming-from.md, as they are printed there, with our
//! sockets at the other end.

use std::fs;
use std::process::{Command, Stdio};

use super::*;
use crate::running::Running;
use crate::support::python::{free_port, interpreter};

const PAGE: &str = include_str!("../../docs/coming-from.md");

/// A program of the page, by the name in its first line.
fn program(name: &str) -> &'static str {
    let mut blocks = PAGE.split("\n```python\n").skip(1);
    let block = blocks.find(|block| block.starts_with(&format!("# {name}\n")));
    let block = block.unwrap_or_else(|| panic!("no program {name}"));
    block.split("\n```\n").next().unwrap()
}

/// A program that runs as the page says, but with a port of its own.
struct Started {
    running: Running,
    endpoint: Endpoint,
    _folder: tempfile::TempDir,
}

fn start(version: Version, name: &str) -> Started {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    assert!(program(name).contains("25000"));
    let text = program(name).replace("25000", &port.to_string());
    // "Put it beside your program, and make `import compat` its first line".
    fs::write(folder.path().join("compat.py"), program("compat.py")).unwrap();
    let first = match version {
        Version::V2019 => "import compat\n",
        Version::V2026 => "",
    };
    fs::write(folder.path().join(name), format!("{first}{text}")).unwrap();
    let mut command = Command::new(interpreter(version));
    command
        .arg(name)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Started {
        running: Running::start(name, &mut command),
        endpoint: Endpoint::tcp("127.0.0.1", port),
        _folder: folder,
    }
}

async fn clock(version: Version) {
    let clock = start(version, "clock.py");
    let socket = Socket::new().unwrap();
    socket.connect(clock.endpoint.clone()).unwrap();
    // "Sun Nov 29 19:18:18 2026"
    let time = within("the time", socket.recv_text()).await.unwrap();
    assert_eq!(time.split_whitespace().count(), 5, "{time}");
    assert_eq!(time.matches(':').count(), 2, "{time}");
}

async fn listen(version: Version) {
    let listen = start(version, "listen.py");
    let socket = Socket::new().unwrap();
    socket.bind(listen.endpoint.clone()).await.unwrap();
    socket.send("hello").await.unwrap();
    socket.send("world").await.unwrap();
    let seen = listen.running.wait("both messages", |output| {
        (output.lines.len() == 2).then(|| output.lines.clone())
    });
    assert_eq!(seen.await, ["hello", "world"]);
}

async fn shout(version: Version) {
    let shout = start(version, "shout.py");
    let socket = Socket::new().unwrap();
    socket.connect(shout.endpoint.clone()).unwrap();
    socket.send("hello").await.unwrap();
    assert_eq!(recv(&socket).await, "HELLO");
}

each_version!(clock, listen, shout, the_table_is_complete);

/// Prints the names of the library that its users write: methods, and parameters that
/// choose something.
const NAMES: &str = r#"
import inspect
from aiomsg import Søcket
# Of the library's own use.
internal = {"check_socket_type", "raw_recv"}
names = {name for name in vars(Søcket) if not name.startswith("_")} - internal
for method in [Søcket.__init__, Søcket.bind, Søcket.connect, Søcket.send, Søcket.close]:
    names |= {name + "=" for name in inspect.signature(method).parameters}
names -= {name + "=" for name in ["self", "hostname", "port", "data", "kwargs"]}
print("\n".join(sorted(names)))
"#;

/// The table has all names of both versions.
async fn the_table_is_complete(version: Version) {
    let mut command = Command::new(interpreter(version));
    let output = command.args(["-c", NAMES]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let names = String::from_utf8(output.stdout).unwrap();
    assert!(names.lines().count() > 15, "{names}");
    let (_, table) = PAGE.split_once("\n### Line by line\n").unwrap();
    let (table, _) = table.split_once("\n### ").unwrap();
    for name in names.lines() {
        let written = match name.ends_with('=') {
            true => name.to_owned(),
            false => format!("sock.{name}("),
        };
        assert!(table.contains(&written), "no {written}");
    }
}

/// Without the wrapper the old version never connects under the Python of these tests, so
/// the page is right to ask for it.
#[tokio::test]
async fn the_wrapper_is_what_the_old_version_needs() {
    let why = "TypeError";
    let text = "import asyncio\nfrom aiomsg import Søcket\nasync def main():\n    \
                async with Søcket() as sock:\n        \
                await sock.connect('127.0.0.1', 1)\n        \
                await asyncio.sleep(3600)\nasyncio.run(main())\n";
    let mut command = Command::new(interpreter(Version::V2019));
    command
        .args(["-c", text])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let running = Running::start("a program without the wrapper", &mut command);
    running
        .wait(why, |output| {
            let mut lines = output.errors.iter();
            lines.any(|line| line.contains(why)).then_some(())
        })
        .await;
}
