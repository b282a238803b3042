//! An example program as a child process.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../support/running.rs"]
pub(crate) mod running;

#[allow(
    unused_imports,
    reason = "the tests of `cruel` have a patience of their own"
)]
pub(crate) use running::PATIENCE;
use running::Running;

/// A running example. It is killed when this is dropped.
pub(crate) struct Program {
    running: Running,
    stdin: ChildStdin,
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
        .stderr(Stdio::piped());
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
        let mut running = Running::start(&self.name, &mut self.command);
        Program {
            stdin: running.take_stdin().expect("stdin is a pipe"),
            running,
        }
    }
}

impl Program {
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// The lines it has written so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.running.output().lines
    }

    /// Waits until its lines are as they should be, and returns them.
    pub(crate) async fn until(
        &self,
        what: &str,
        mut enough: impl FnMut(&[String]) -> bool,
    ) -> Vec<String> {
        self.running
            .wait(what, |output| {
                enough(&output.lines).then(|| output.lines.clone())
            })
            .await
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
        let address =
            |line: &String| Some(line.strip_prefix(label)?.rsplit('/').next()?.to_owned());
        self.running
            .wait(label, |output| output.lines.iter().find_map(address))
            .await
    }

    /// Types a line.
    pub(crate) async fn type_line(&mut self, line: &str) {
        let written = self.stdin.write_all(format!("{line}\n").as_bytes());
        if let Err(error) = written {
            self.running.fail(&format!("takes no input: {error}"));
        }
    }

    /// `SIGKILL`: no code of the program runs any more. Returns when it is dead.
    #[allow(dead_code, reason = "the tests of `cruel` use it")]
    pub(crate) async fn kill(mut self) {
        self.running.kill();
    }

    /// Presses Ctrl-C. A program that has just started may not be ready for
    /// it: wait for something that it does first.
    pub(crate) async fn ctrl_c(&self) {
        self.running.signals(&["INT"]);
    }

    /// Waits until it ends by itself, with success, and returns its lines.
    pub(crate) async fn end(&mut self) -> Vec<String> {
        let (status, output) = self.running.ended().await;
        if !status.success() {
            self.running.fail(&format!("ended with {status}"));
        }
        output.lines
    }

    /// Ends it with Ctrl-C, and returns its lines.
    pub(crate) async fn stop(&mut self) -> Vec<String> {
        self.ctrl_c().await;
        self.end().await
    }
}
