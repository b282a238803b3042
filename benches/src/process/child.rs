//! This program in another role, as a child process.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How long a child may take to end by itself, once it is to.
const GRACE: Duration = Duration::from_secs(2);

/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(2);

/// Lines that wait to be read; a child that writes more waits.
const LINES: usize = 64;

/// A child process. It is ended when this is dropped: first by the end of its
/// input, then by force.
#[derive(Debug)]
pub(crate) struct Child {
    child: std::process::Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// A child did not say what it should.
#[derive(Debug)]
pub(crate) enum Gone {
    /// It cannot do that.
    Unsupported,
    /// It has ended.
    Ended(ExitStatus, String),
    /// It has said why it cannot go on.
    Failed(String),
    /// It took too long.
    Silent(Duration, String),
    /// It could not be started or asked.
    System(std::io::Error),
}

impl Child {
    /// Starts this program with these arguments.
    pub(crate) fn start<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<Self, Gone> {
        let program = std::env::current_exe().map_err(Gone::System)?;
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Gone::System)?;
        let stdin = child.stdin.take();
        let (write, lines) = sync_channel(LINES);
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if write.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self {
            child,
            stdin,
            lines,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Writes it a line.
    pub(crate) fn tell(&mut self, line: &str) -> Result<(), Gone> {
        match &mut self.stdin {
            Some(stdin) => writeln!(stdin, "{line}").map_err(Gone::System),
            None => Ok(()),
        }
    }

    /// Waits for a line that begins with this word, and returns what is behind
    /// it.
    pub(crate) fn told(&mut self, word: &str, patience: Duration) -> Result<String, Gone> {
        loop {
            let line = match self.lines.recv_timeout(patience) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(Gone::Silent(patience, word.to_owned()));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().map_err(Gone::System)?;
                    return Err(Gone::Ended(status, word.to_owned()));
                }
            };
            if line == "unsupported" {
                return Err(Gone::Unsupported);
            }
            if let Some(reason) = line.strip_prefix("failed ") {
                return Err(Gone::Failed(reason.to_owned()));
            }
            if let Some(rest) = line.strip_prefix(word) {
                return Ok(rest.trim().to_owned());
            }
        }
    }

    fn end(&mut self) -> std::io::Result<()> {
        drop(self.stdin.take());
        let mut waited = Duration::ZERO;
        while waited < GRACE && self.child.try_wait()?.is_none() {
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Whoever unwinds has no time, and the child may have ended by itself.
        if !std::thread::panicking() {
            let _ = self.end();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported => f.write_str("it is not supported"),
            Self::Ended(status, word) => {
                write!(f, "it ended ({status}) and never said \"{word}\"")
            }
            Self::Failed(reason) => f.write_str(reason),
            Self::Silent(patience, word) => {
                write!(f, "it did not say \"{word}\" within {patience:?}")
            }
            Self::System(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Gone {}
