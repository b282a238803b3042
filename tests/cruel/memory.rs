//! The memory of the process that survives.

/// The first and the last look at the memory of this process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    first: Option<u64>,
}

/// What it may grow by in a long run: what allocators keep, and what other
/// tests of this process hold just now.
const SLACK_KIB: u64 = 16 << 10;

impl Memory {
    /// Looks for the first time, when all has been in use.
    pub(crate) fn begin(&mut self) {
        if self.first.is_none() {
            self.first = resident_kib();
        }
    }

    /// Checks that it has not grown, and says what it was.
    pub(crate) fn end(&self) -> String {
        let (Some(first), Some(last)) = (self.first, resident_kib()) else {
            return "memory unknown".to_owned();
        };
        assert!(
            last <= first + first / 4 + SLACK_KIB,
            "memory grew from {first} KiB to {last} KiB"
        );
        format!("memory {first} KiB, then {last} KiB")
    }
}

/// From `VmRSS:     12345 kB`. `None`: the system has no such file.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
