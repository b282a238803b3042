//! What a process uses.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The unit of the times in `/proc/PID/stat`, which is the same on all of
/// Linux whatever the kernel ticks by.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of this process so far, in all threads: to the
/// nanosecond, where `/proc` counts in ticks.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

/// The time on a clock that all processes of this machine share, in nanoseconds.
pub(crate) fn shared_clock() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// The most memory that was ever resident in this process, in bytes.
pub(crate) fn peak_memory() -> u64 {
    kilobytes("self", "VmHWM:") * 1024
}

/// A line of `/proc/PID/status`. Zero where there is none.
fn kilobytes(process: &str, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kilobytes = status.lines().find_map(|text| {
        let number = text.strip_prefix(line)?.trim().strip_suffix(" kB")?;
        number.parse().ok()
    });
    kilobytes.unwrap_or_default()
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
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name of the program, in parentheses, may hold anything.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    Usage {
        resident: kilobytes(&id.to_string(), "VmRSS:") * 1024,
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
