//! The command as a child process.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../../../tests/support/running.rs"]
mod running;

use running::Running;
pub(crate) use running::{Output, PATIENCE};

/// A running command. It is killed when this is dropped.
pub(crate) struct Program(Running);

/// How it has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) lines: Vec<String>,
    pub(crate) errors: Vec<String>,
}

impl Program {
    pub(crate) fn start(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aiomsg"));
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(Running::start("the command", &mut command))
    }

    /// Runs it to its end.
    pub(crate) async fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
        Self::start(args).ended().await
    }

    /// What it has written so far.
    pub(crate) fn output(&self) -> Output {
        self.0.output()
    }

    /// Waits until what it has written is as it should be.
    pub(crate) async fn until(&self, what: &str, enough: impl Fn(&Output) -> bool) {
        self.0.wait(what, |it| enough(it).then_some(())).await;
    }

    /// Waits for so many lines with this text.
    pub(crate) async fn says(&self, text: &str, times: usize) {
        self.until(text, |output| {
            output.lines.iter().filter(|it| it.contains(text)).count() >= times
        })
        .await;
    }

    /// Waits for a line of the log with this text.
    pub(crate) async fn logs(&self, text: &str) {
        self.until(text, |output| {
            output.errors.iter().any(|it| it.contains(text))
        })
        .await;
    }

    /// Waits for a line that begins so, and returns its rest.
    pub(crate) async fn after(&self, label: &str) -> String {
        let rest = |line: &String| line.strip_prefix(label).map(str::to_owned);
        self.0
            .wait(label, |output| output.lines.iter().find_map(rest))
            .await
    }

    /// Sends it a signal, by its name without `SIG`.
    pub(crate) async fn signal(&self, name: &str) {
        self.signals(&[name]).await;
    }

    /// Sends several, one right behind the other.
    pub(crate) async fn signals(&self, names: &[&str]) {
        self.0.signals(names);
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        let (status, output) = self.0.ended().await;
        Ended {
            code: status.code(),
            lines: output.lines,
            errors: output.errors,
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(self) -> Ended {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Kills it, as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.0.kill();
    }
}

impl Ended {
    /// The one line of an error.
    pub(crate) fn error(&self) -> &str {
        match &self.errors[..] {
            [error] => error,
            _ => panic!("expected one line: {self:?}"),
        }
    }

    /// The line that says what became of all messages.
    pub(crate) fn report(&self) -> &str {
        let line = self.lines.iter().find(|it| it.starts_with("drained: "));
        line.unwrap_or_else(|| panic!("no report: {self:?}"))
    }
}
