//! The cookbook's programs.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;

use super::environment::Version;
use super::process::Process;

/// A running program of the cookbook: `jobcreator.py` or `worker.py`.
///
/// It is killed when it is dropped.
#[derive(Debug)]
pub struct Script {
    process: Process,
}

// ===== impl Script =====

impl Script {
    /// Starts a program of the folder `tests/python` with these arguments.
    ///
    /// Returns at once; the program may not have connected yet.
    ///
    /// # Panics
    ///
    /// If the program cannot be started.
    pub async fn start<I>(version: Version, script: &str, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<OsString>,
    {
        let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
        Self {
            process: Process::start(version, script, &args).await,
        }
    }

    /// The next line that the program printed.
    ///
    /// # Panics
    ///
    /// If none comes within 20 seconds, or if the program has ended.
    pub async fn line(&self) -> Value {
        self.process
            .expect("a line of output", VecDeque::pop_front)
            .await
    }

    /// Like [`Script::line`], but returns `None` if there is no line within
    /// `patience`, or if the program has ended and every line has been taken.
    pub async fn try_line_for(&self, patience: Duration) -> Option<Value> {
        self.process.find(patience, VecDeque::pop_front).await
    }

    /// The next job that a consumer got.
    ///
    /// # Panics
    ///
    /// As [`Script::line`], and if the line is not about a job.
    pub async fn job(&self) -> String {
        let line = self.line().await;
        let Some(job) = line["job"].as_str() else {
            panic!("expected a job, not {line}");
        };
        job.to_owned()
    }

    /// Kills the program (`SIGKILL`) and waits until it is dead. What it had
    /// printed can still be taken.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Closes the program's standard input, upon which it closes its socket,
    /// and waits for its end. What it had printed can still be taken.
    ///
    /// # Panics
    ///
    /// If that takes too long, or if the program ends with an error.
    pub async fn close(&mut self) {
        self.process.end().await;
    }

    /// What the program wrote to its standard error so far.
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }
}
