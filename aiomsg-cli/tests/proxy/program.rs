//! The command as a child process.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long anything may take. Generous, because a loaded machine is slow; a
/// test that passes never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running command. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    output: watch::Receiver<Output>,
    reader: JoinHandle<()>,
}

/// What it has written so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Output {
    pub(crate) lines: Vec<String>,
    pub(crate) errors: Vec<String>,
}

/// How it has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) lines: Vec<String>,
    pub(crate) errors: Vec<String>,
}

impl Program {
    pub(crate) fn start(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_aiomsg"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the command starts");
        let stdout = child.stdout.take().expect("it is a pipe");
        let stderr = child.stderr.take().expect("it is a pipe");
        let (sender, output) = watch::channel(Output::default());
        // Reads on whether the test looks or not: a full pipe would stop it.
        let reader = tokio::spawn(async move {
            tokio::join!(
                read(stdout, &sender, |output| &mut output.lines),
                read(stderr, &sender, |output| &mut output.errors),
            );
        });
        Self {
            child,
            output,
            reader,
        }
    }

    /// Runs it to its end.
    pub(crate) async fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
        Self::start(args).ended().await
    }

    /// What it has written so far.
    pub(crate) fn output(&self) -> Output {
        self.output.borrow().clone()
    }

    /// Waits until what it has written is as it should be.
    pub(crate) async fn until(&self, what: &str, enough: impl Fn(&Output) -> bool) {
        let mut output = self.output.clone();
        match tokio::time::timeout(PATIENCE, output.wait_for(|it| enough(it))).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => panic!("it ended without {what}: {:?}", self.output()),
            Err(_) => panic!("{PATIENCE:?} passed without {what}: {:?}", self.output()),
        }
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
        self.until(label, |output| {
            output.lines.iter().any(|it| it.starts_with(label))
        })
        .await;
        let lines = self.output().lines;
        let mut rests = lines.iter().filter_map(|it| it.strip_prefix(label));
        rests.next().expect("it is there").to_owned()
    }

    /// Sends it a signal, by its name without `SIG`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().await;
        assert!(status.expect("kill is there").success());
    }

    /// Sends several, one right behind the other.
    pub(crate) async fn signals(&self, names: &[&str]) {
        let id = self.child.id().expect("it runs");
        let kills: Vec<_> = names
            .iter()
            .map(|it| format!("kill -s {it} {id}"))
            .collect();
        let shell = Command::new("sh").args(["-c", &kills.join("; ")]).status();
        assert!(shell.await.expect("sh is there").success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> Ended {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let status: ExitStatus = match status {
            Ok(status) => status.expect("it can be waited for"),
            Err(_) => panic!("it does not end: {:?}", self.output()),
        };
        // The last lines may still be in the pipes.
        let _ = tokio::time::timeout(PATIENCE, self.reader).await;
        let Output { lines, errors } = self.output.borrow().clone();
        Ended {
            code: status.code(),
            lines,
            errors,
        }
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(self) -> Ended {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Kills it, as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("it is killed");
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

async fn read(
    stream: impl AsyncRead + Unpin,
    output: &watch::Sender<Output>,
    part: fn(&mut Output) -> &mut Vec<String>,
) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        output.send_modify(|output| part(output).push(line));
    }
}
