//! Processes: other roles of this program as children, and what one uses.

use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

/// The unit of the times in `/proc/PID/stat`, which is the same on all of
/// Linux whatever the kernel ticks by.
const TICK: Duration = Duration::from_millis(10);

/// This program in another role, as a child process. It is killed when this is
/// dropped.
pub(crate) struct Role {
    child: std::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Role {
    /// Starts this program with these arguments.
    pub(crate) fn start<'a>(args: impl IntoIterator<Item = &'a str>) -> Self {
        let program = std::env::current_exe().expect("the path of this program");
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts once more");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that begins with this word, and returns what is behind
    /// it.
    ///
    /// # Panics
    ///
    /// When the child ends without such a line.
    pub(crate) fn told(&mut self, word: &str) -> String {
        for line in self.lines.by_ref() {
            let line = line.expect("a child writes text");
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
        panic!("a child ended and never said \"{word}\"");
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process uses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Memory that is resident now, in bytes.
    pub(crate) resident: u64,
    /// Processor time so far, in all threads.
    pub(crate) cpu: Duration,
}

/// What this process uses. All is zero where there is no `/proc`.
pub(crate) fn own_usage() -> Usage {
    usage(std::process::id())
}

/// What a process uses. All is zero where there is no `/proc`.
pub(crate) fn usage(id: u32) -> Usage {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let kilobytes = status.lines().find_map(|line| {
        let number = line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?;
        number.parse::<u64>().ok()
    });
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name of the program, in parentheses, may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    Usage {
        resident: kilobytes.unwrap_or_default() * 1024,
        cpu: TICK * ticks,
    }
}

/// Bytes as people read them.
pub(crate) fn readable(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}
