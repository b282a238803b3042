//! A child process that reads commands and writes events, one JSON per line.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::environment::{Package, interpreter};
use super::event::take;

/// How long anything may take. Generous, because a loaded machine is slow, and
/// longer than any interval of the protocol (the longest is 15 s).
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How much of standard error is kept: a peer that cannot connect logs ten
/// lines a second.
const STDERR_KEPT: usize = 64 * 1024;

/// A running Python program.
#[derive(Debug)]
pub(super) struct Process {
    name: String,
    child: Child,
    /// Taken when the child is told to end.
    stdin: tokio::sync::Mutex<Option<ChildStdin>>,
    output: Arc<Output>,
    /// Taken when it has been waited for.
    reader: Option<JoinHandle<()>>,
}

/// What the child has written, shared with the task that reads it.
#[derive(Debug, Default)]
struct Output {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Value>,
    stderr: String,
    /// Both streams are at their end: nothing will be added.
    ended: bool,
}

// ===== impl Process =====

impl Process {
    /// Runs a program of the folder `tests/python`.
    pub(super) async fn start(
        package: impl Into<Package>,
        script: &str,
        args: &[OsString],
    ) -> Self {
        let package = package.into();
        let python = tokio::task::spawn_blocking(move || interpreter(package))
            .await
            .expect("the Python environment is there (the panic above says why not)");
        let path = folder().join(script);

        let mut child = Command::new(&python)
            .arg(path)
            .args(args)
            // Or a module of the developer's own could stand in for the
            // installed one.
            .env_remove("PYTHONPATH")
            // Or the source tree would fill up with compiled files.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("start {script} with {}: {error}", python.display()));

        let stdin = child.stdin.take().expect("standard input is a pipe");
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let stderr = child.stderr.take().expect("standard error is a pipe");
        let output = Arc::new(Output::default());
        let reader = tokio::spawn(read(Arc::clone(&output), stdout, stderr));
        let (name, version) = package.name_and_version();
        Self {
            name: format!("{script} ({name} {version})"),
            child,
            stdin: tokio::sync::Mutex::new(Some(stdin)),
            output,
            reader: Some(reader),
        }
    }

    /// Writes one command.
    pub(super) async fn command(&self, command: &Value) {
        let line = format!("{command}\n");
        let mut stdin = self.stdin.lock().await;
        let Some(pipe) = stdin.as_mut() else {
            panic!("{}: a command after it was told to end: {line}", self.name);
        };
        // A child that does not read must not block the test for ever.
        match tokio::time::timeout(PATIENCE, pipe.write_all(line.as_bytes())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.fail(&format!("could not write a command: {error}: {line}")),
            Err(_) => self.fail(&format!("did not read a command: {line}")),
        }
    }

    /// Waits until `take` finds what it looks for in the events.
    pub(super) async fn expect<T>(
        &self,
        what: &str,
        take: impl FnMut(&mut VecDeque<Value>) -> Option<T>,
    ) -> T {
        match self.find(PATIENCE, take).await {
            Some(found) => found,
            None if self.output.lock().ended => self.fail(&format!("ended without {what}")),
            None => self.fail(&format!("{PATIENCE:?} passed without {what}")),
        }
    }

    /// The port that it says it has bound or connects to, when it is ready.
    pub(super) async fn port(&self) -> u16 {
        let ready = self
            .expect("a sign that it is ready", |events| take(events, "ready"))
            .await;
        let port = ready.0["port"].as_u64();
        port.and_then(|port| u16::try_from(port).ok())
            .expect("\"port\" is a port number")
    }

    /// Like [`Process::expect`], but gives up after `patience`, or when there
    /// will be no more events.
    pub(super) async fn find<T>(
        &self,
        patience: Duration,
        mut take: impl FnMut(&mut VecDeque<Value>) -> Option<T>,
    ) -> Option<T> {
        let found = async {
            loop {
                // Registered before the look, so that no event falls between.
                let mut changed = std::pin::pin!(self.output.changed.notified());
                changed.as_mut().enable();
                {
                    let mut state = self.output.lock();
                    let found = take(&mut state.events);
                    if found.is_some() || state.ended {
                        return found;
                    }
                }
                changed.await;
            }
        };
        tokio::time::timeout(patience, found).await.ok().flatten()
    }

    /// Closes standard input and waits for the child to end by itself.
    pub(super) async fn end(&mut self) {
        self.stdin.get_mut().take();
        let status = self.wait().await;
        if !status.success() {
            self.fail(&format!("ended with {status}"));
        }
    }

    /// Kills the child as a crash would, and waits for its death.
    pub(super) async fn kill(&mut self) {
        // It may have ended on its own just now, which is as dead as killed.
        let _ = self.child.start_kill();
        self.wait().await;
        self.stdin.get_mut().take();
    }

    /// What the child wrote to standard error so far.
    pub(super) fn stderr(&self) -> String {
        self.output.lock().stderr.clone()
    }

    async fn wait(&mut self) -> ExitStatus {
        let Ok(status) = tokio::time::timeout(PATIENCE, self.child.wait()).await else {
            self.fail("did not end");
        };
        // The last lines may still be in the pipes.
        if let Some(reader) = self.reader.take() {
            reader.await.expect("the reading task does not panic");
        }
        status.unwrap_or_else(|error| panic!("{}: wait for its end: {error}", self.name))
    }

    fn fail(&self, what: &str) -> ! {
        panic!(
            "{} {what}\nits standard error:\n{}",
            self.name,
            self.output.lock().stderr
        );
    }
}

// ===== impl Output =====

impl Output {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while the state is held")
    }

    fn add_event(&self, line: &str) {
        match serde_json::from_str(line) {
            Ok(event) => self.lock().events.push_back(event),
            // Shown with the next failure, which it is likely to have caused.
            Err(error) => self.add_stderr(&format!("[not an event: {error}] {line}\n")),
        }
        self.changed.notify_waiters();
    }

    fn add_stderr(&self, text: &str) {
        let mut state = self.lock();
        state.stderr.push_str(text);
        let excess = state.stderr.len().saturating_sub(STDERR_KEPT);
        let cut = (excess..).find(|&at| state.stderr.is_char_boundary(at));
        let cut = cut.unwrap_or(state.stderr.len());
        state.stderr.drain(..cut);
    }
}

/// Where the programs are: below the root of the workspace, where this crate is,
/// or one that is inside it.
fn folder() -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders
        .find_map(|it| Some(it.join("tests/python")).filter(|it| it.is_dir()))
        .expect("the folder tests/python is there")
}

/// Reads both streams until the child is gone.
///
/// Always reads on, whether the test looks or not: a child whose pipe is full
/// stops, and then neither its messages nor its heartbeats go out.
async fn read(output: Arc<Output>, stdout: ChildStdout, mut stderr: ChildStderr) {
    let events = async {
        let mut lines = BufReader::new(stdout).lines();
        // An error means that the pipe is gone, like the end.
        while let Ok(Some(line)) = lines.next_line().await {
            output.add_event(&line);
        }
    };
    let errors = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
            output.add_stderr(&String::from_utf8_lossy(&buffer[..count]));
        }
    };
    tokio::join!(events, errors);
    output.lock().ended = true;
    output.changed.notify_waiters();
}
