//! Running the command, with a limit for what hangs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
#[cfg(target_os = "linux")]
use std::time::Duration;

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../../../tests/support/running.rs"]
mod running;

#[cfg(target_os = "linux")]
use running::PATIENCE;
use running::{Missing, Running};

/// A command that runs.
pub(crate) struct Process {
    running: Running,
    /// The lines of standard error that were looked at.
    heard: usize,
}

/// What became of it.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aiomsg"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A proxy that listens for both sides.
pub(crate) struct Proxy {
    pub(crate) process: Process,
    pub(crate) frontend: String,
    pub(crate) backend: String,
    /// It may write more.
    _stdout: BufReader<ChildStdout>,
}

impl Proxy {
    pub(crate) fn start(options: &[&str]) -> Self {
        let sides = ["--frontend", "127.0.0.1:0", "--backend", "127.0.0.1:0"];
        let (process, stdout) = Process::with_stdout(&[&["proxy"], &sides[..], options].concat());
        let mut stdout = BufReader::new(stdout);
        // One for each side, in any order.
        let mut said = String::new();
        for _ in 0..2 {
            stdout.read_line(&mut said).unwrap();
        }
        let of = |side: &str| {
            let begins = format!("{side}: listening at ");
            let line = said.lines().find_map(|line| line.strip_prefix(&begins));
            line.unwrap_or_else(|| panic!("{side}: {said}")).to_owned()
        };
        Self {
            frontend: of("frontend"),
            backend: of("backend"),
            process,
            _stdout: stdout,
        }
    }
}

/// Runs the command to its end.
pub(crate) fn run(args: &[&str]) -> Done {
    Process::start(args).finish()
}

/// Runs the command to its end, with this on standard input.
pub(crate) fn run_with(args: &[&str], input: &[u8]) -> Done {
    let (process, mut stdin) = Process::with_stdin(args);
    let input = input.to_vec();
    let writing = thread::spawn(move || {
        // It may end without having read all.
        let _ = stdin.write_all(&input);
    });
    let done = process.finish();
    writing.join().unwrap();
    done
}

impl Process {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::of(command(args).spawn().unwrap())
    }

    /// The same, with an open standard input.
    pub(crate) fn with_stdin(args: &[&str]) -> (Self, ChildStdin) {
        let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        (Self::of(child), stdin)
    }

    /// The same, where nobody reads standard output but the caller.
    pub(crate) fn with_stdout(args: &[&str]) -> (Self, ChildStdout) {
        let mut child = command(args).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        (Self::of(child), stdout)
    }

    pub(crate) fn of(child: Child) -> Self {
        Self {
            running: Running::of("the command", child),
            heard: 0,
        }
    }

    /// Waits for the next line on standard error that begins like this, and returns
    /// the rest of it.
    fn find(&mut self, begins: &str) -> Result<String, Missing> {
        let heard = self.heard;
        let finding = self.running.find(|output| {
            let mut lines = output.errors.iter().enumerate().skip(heard);
            lines.find_map(|(at, line)| Some((at, line.strip_prefix(begins)?.to_owned())))
        });
        let (at, rest) = block_on(finding)?;
        self.heard = at + 1;
        Ok(rest)
    }

    /// The same, where it must come.
    pub(crate) fn says(&mut self, begins: &str) -> String {
        self.find(begins)
            .unwrap_or_else(|why| self.running.fail(&format!("lacks \"{begins}…\": {why:?}")))
    }

    /// Whether it says a line on standard error that begins like this before it
    /// ends.
    #[cfg(unix)]
    pub(crate) fn says_before_its_end(&mut self, begins: &str) -> bool {
        match self.find(begins) {
            Ok(_) => true,
            Err(Missing::Ended) => false,
            Err(Missing::Late) => self.running.fail("says neither this nor ends"),
        }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&mut self) -> String {
        self.says("listening at ")
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.running.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// What the system says of it.
    #[cfg(target_os = "linux")]
    fn status(&self, name: &str) -> Option<String> {
        let status = format!("/proc/{}/status", self.running.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1).map(str::to_owned)
    }

    /// The most memory that it has had, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let number = self.status("VmHWM:");
        number.and_then(|number| number.parse().ok()).unwrap()
    }

    #[cfg(target_os = "linux")]
    fn until(&self, is_so: impl Fn() -> bool) {
        const STEP: Duration = Duration::from_millis(1);
        let mut waited = Duration::ZERO;
        while !is_so() {
            assert!(waited < PATIENCE, "it does not come so far");
            thread::sleep(STEP);
            waited += STEP;
        }
    }

    /// Waits until it has read its command line and has threads.
    #[cfg(target_os = "linux")]
    pub(crate) fn until_it_runs(&self) {
        self.until(|| {
            self.status("Threads:")
                .is_some_and(|threads| threads != "1")
        });
    }

    /// Waits until no signal waits for it, or it has ended.
    #[cfg(target_os = "linux")]
    pub(crate) fn until_it_has_heard(&self) {
        self.until(|| {
            let waits = self.status("ShdPnd:").unwrap_or_default();
            let has_ended = self.status("State:").is_none_or(|state| state == "Z");
            has_ended || waits.bytes().all(|digit| digit == b'0')
        });
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Done {
        let (status, output) = block_on(self.running.ended());
        Done {
            code: status.code(),
            stdout: output.bytes,
            stderr: output
                .errors
                .iter()
                .map(|line| line.clone() + "\n")
                .collect(),
        }
    }
}

/// These tests are threads, and what they wait for has futures.
fn block_on<T>(waiting: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().unwrap().block_on(waiting)
}

impl Done {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// The one object on standard output.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.text(), self.stderr))
    }

    /// It ended with this code.
    #[track_caller]
    pub(crate) fn ends(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }

    /// It ended with this code, and with a line of error that has all of this in it.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, with: &[&str]) {
        self.ends(code);
        let errors: Vec<_> = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("error:"))
            .collect();
        let [error] = errors[..] else {
            panic!("{code}: {}", self.stderr);
        };
        for part in with {
            assert!(error.contains(part), "no \"{part}\" in: {error}");
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}
