//! An example program as a child process.

use std::fmt::Display;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;

/// How long anything may take. Generous, because a loaded machine is slow; a
/// test that passes never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running example. It is killed when this is dropped.
pub(crate) struct Program {
    name: String,
    child: Child,
    stdin: ChildStdin,
    /// Ends when both streams of the child have ended.
    output: watch::Receiver<Output>,
}

/// What a program has written so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Output {
    pub(crate) lines: Vec<String>,
    errors: Vec<String>,
}

/// A program that is to be run.
pub(crate) struct Start {
    name: String,
    command: Command,
}

/// Runs the example `name`, with what is added to it.
pub(crate) fn example(name: &str) -> Start {
    let path = path(name);
    assert!(
        path.exists(),
        "there is no {}: `cargo test` builds the examples, but with --test it does not; run \
         `cargo build --examples` first",
        path.display()
    );
    let mut command = Command::new(path);
    command
        // Or settings of whoever runs the tests would change the programs.
        .env_remove("COUNT")
        .env_remove("PROXY_HOSTNAMES")
        // A pause of the programs is a second; nobody reads along here.
        .env("PAUSE_MS", "10")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    Start {
        name: name.to_owned(),
        command,
    }
}

/// Cargo puts examples beside the folder `deps`, in which this test is.
fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    let folder = test.ancestors().nth(2).expect("target/PROFILE");
    folder
        .join("examples")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION)
}

impl Start {
    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn with(mut self, variable: &str, value: impl Display) -> Self {
        self.command.env(variable, value.to_string());
        self
    }

    pub(crate) fn run(mut self) -> Program {
        let name = self.name;
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let stdin = child.stdin.take().expect("stdin is a pipe");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let (sender, output) = watch::channel(Output::default());
        // Reads on whether the test looks or not: a full pipe would stop the
        // child.
        tokio::spawn(async move {
            tokio::join!(
                read(stdout, &sender, |output| &mut output.lines),
                read(stderr, &sender, |output| &mut output.errors),
            );
        });
        Program {
            name,
            child,
            stdin,
            output,
        }
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

impl Program {
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The lines it has written so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.output.borrow().lines.clone()
    }

    /// Waits until its lines are as they should be, and returns them.
    pub(crate) async fn until(
        &self,
        what: &str,
        mut enough: impl FnMut(&[String]) -> bool,
    ) -> Vec<String> {
        let mut output = self.output.clone();
        let output = output.wait_for(|output| enough(&output.lines));
        match tokio::time::timeout(PATIENCE, output).await {
            Ok(Ok(output)) => return output.lines.clone(),
            Ok(Err(_)) => {}
            Err(_) => self.fail(&format!("{PATIENCE:?} passed without {what}")),
        }
        self.fail(&format!("ended without {what}"))
    }

    /// Waits for a line with this text.
    pub(crate) async fn line(&self, text: &str) -> Vec<String> {
        self.until(&format!("\"{text}\""), |lines| {
            lines.iter().any(|line| line.contains(text))
        })
        .await
    }

    /// Waits for the address that it prints behind `label`, and returns it as
    /// `host:port`.
    pub(crate) async fn address(&self, label: &str) -> String {
        let address = |lines: &[String]| {
            let line = lines.iter().find_map(|line| line.strip_prefix(label))?;
            Some(line.rsplit('/').next()?.to_owned())
        };
        let lines = self.until(label, |lines| address(lines).is_some()).await;
        address(&lines).expect("it was there just now")
    }

    /// Types a line.
    pub(crate) async fn type_line(&mut self, line: &str) {
        let line = format!("{line}\n");
        let written = self.stdin.write_all(line.as_bytes()).await;
        written.unwrap_or_else(|error| self.fail(&format!("takes no input: {error}")));
    }

    /// `SIGKILL`: no code of the program runs any more. Returns when it is
    /// dead.
    #[allow(dead_code, reason = "the tests of `cruel` use it")]
    pub(crate) async fn kill(mut self) {
        let killed = self.child.kill().await;
        killed.unwrap_or_else(|error| self.fail(&format!("cannot be killed: {error}")));
    }

    /// Presses Ctrl-C. A program that has just started may not be ready for
    /// it: wait for something that it does first.
    pub(crate) async fn ctrl_c(&self) {
        // The shell's own `kill`, since the command may not be installed.
        let kill = format!("kill -INT {}", self.id());
        let status = Command::new("sh").args(["-c", &kill]).status().await;
        assert!(
            status.expect("there is a shell").success(),
            "`{kill}` failed for {}",
            self.name
        );
    }

    /// Waits until it ends by itself, with success, and returns its lines.
    pub(crate) async fn end(&mut self) -> Vec<String> {
        let status = match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.expect("it can be waited for"),
            Err(_) => self.fail(&format!("did not end within {PATIENCE:?}")),
        };
        // The last lines may still be in the pipes.
        while self.output.changed().await.is_ok() {}
        if !status.success() {
            self.fail(&format!("ended with {status}"));
        }
        self.lines()
    }

    /// Ends it with Ctrl-C, and returns its lines.
    pub(crate) async fn stop(&mut self) -> Vec<String> {
        self.ctrl_c().await;
        self.end().await
    }

    fn fail(&self, what: &str) -> ! {
        let output = self.output.borrow();
        panic!(
            "{} {what}; it wrote:\n{}\nand as errors:\n{}",
            self.name,
            output.lines.join("\n"),
            output.errors.join("\n")
        )
    }
}
