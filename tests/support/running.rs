//! A program as a child process: starting it, waiting for what it writes, ending it by
//! its id, and collecting all of its output.
//!
//! The tests of the cookbook, of the command and of the proxy share it, each with words
//! of its own around it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, ExitStatus};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The time for anything. Generous, because a loaded machine is slow; a test that
/// passes never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often the end of a process is looked for.
const STEP: Duration = Duration::from_millis(5);

/// A running program. It is killed when this is dropped.
pub(crate) struct Running {
    name: String,
    child: Child,
    /// Ends when both streams of the child have ended.
    output: watch::Receiver<Output>,
}

/// What a program has written so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Output {
    /// Standard output, to the byte, and as lines.
    pub(crate) bytes: Vec<u8>,
    pub(crate) lines: Vec<String>,
    /// The lines of standard error.
    pub(crate) errors: Vec<String>,
}

/// Why something did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The program has ended without it.
    Ended,
    /// [`PATIENCE`] has passed.
    Late,
}

impl Running {
    /// Starts a program. Its streams are what the command says, and those that are
    /// pipes are read.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self::of(name, child)
    }

    /// The same for one that runs, and whose streams may have been taken.
    pub(crate) fn of(name: &str, mut child: Child) -> Self {
        let (sender, output) = watch::channel(Output::default());
        let sender = Arc::new(sender);
        // They read on whether the test looks or not: a full pipe would stop the child.
        if let Some(stdout) = child.stdout.take() {
            read(stdout, &sender, |output, line| {
                output.bytes.extend_from_slice(line);
                output.lines.push(text(line));
            });
        }
        if let Some(stderr) = child.stderr.take() {
            read(stderr, &sender, |output, line| {
                output.errors.push(text(line));
            });
        }
        Self {
            name: name.to_owned(),
            child,
            output,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The standard input, once, if it is a pipe.
    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// What it has written so far.
    pub(crate) fn output(&self) -> Output {
        self.output.borrow().clone()
    }

    /// Waits until what it has written is as it should be, and asks for something of
    /// it.
    pub(crate) async fn find<T>(
        &self,
        mut look: impl FnMut(&Output) -> Option<T>,
    ) -> Result<T, Missing> {
        let mut output = self.output.clone();
        let mut found = None;
        let finding = output.wait_for(|output| {
            found = look(output);
            found.is_some()
        });
        let waited = timeout(PATIENCE, finding).await.map(|found| found.is_ok());
        match (found, waited) {
            (Some(found), _) => Ok(found),
            (None, Err(_)) => Err(Missing::Late),
            (None, Ok(_)) => Err(Missing::Ended),
        }
    }

    /// The same, where it must come.
    pub(crate) async fn wait<T>(&self, what: &str, look: impl FnMut(&Output) -> Option<T>) -> T {
        match self.find(look).await {
            Ok(found) => found,
            Err(Missing::Ended) => self.fail(&format!("ended without {what}")),
            Err(Missing::Late) => self.fail(&format!("let {PATIENCE:?} pass without {what}")),
        }
    }

    /// Sends it signals, by their names without `SIG`, one right behind the other. A
    /// program that has just started may not be ready for them: wait for something
    /// that it does first.
    pub(crate) fn signals(&self, names: &[&str]) {
        let id = self.id();
        let kills: Vec<_> = names
            .iter()
            .map(|it| format!("kill -s {it} {id}"))
            .collect();
        let kills = kills.join("; ");
        // The shell's own `kill`, since the command may not be installed.
        let status = Command::new("sh").args(["-c", &kills]).status();
        let done = status.expect("there is a shell").success();
        assert!(done, "`{kills}` failed for {}", self.name);
    }

    /// Waits for its end, and for all that it has written.
    pub(crate) async fn ended(&mut self) -> (ExitStatus, Output) {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                    return status;
                }
                sleep(STEP).await;
            }
        };
        let Ok(status) = timeout(PATIENCE, ended).await else {
            self.fail(&format!("did not end within {PATIENCE:?}"));
        };
        // The last lines may still be in the pipes.
        let rest = async { while self.output.changed().await.is_ok() {} };
        let _ = timeout(PATIENCE, rest).await;
        (status, self.output())
    }

    /// `SIGKILL`: no code of the program runs any more. Returns when it is dead.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Fails the test, with all that the program has written.
    pub(crate) fn fail(&self, what: &str) -> ! {
        let output = self.output();
        panic!(
            "{} {what}; it wrote:\n{}\nand as errors:\n{}",
            self.name,
            output.lines.join("\n"),
            output.errors.join("\n")
        )
    }
}

/// A test that fails leaves nothing behind.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(
    stream: impl Read + Send + 'static,
    output: &Arc<watch::Sender<Output>>,
    add: fn(&mut Output, &[u8]),
) {
    let output = Arc::clone(output);
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while let Ok(1..) = stream.read_until(b'\n', &mut line) {
            output.send_modify(|output| add(output, &line));
            line.clear();
        }
    });
}

/// A line without its end.
fn text(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    String::from_utf8_lossy(line).into_owned()
}
