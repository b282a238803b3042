//! How much memory something takes.

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The peak is that of the process, so one measurement at a time.
static MEASURING: Mutex<()> = Mutex::new(());

/// Runs it, and panics if it had taken more than `bytes` on top of what was
/// there, at any time.
pub(crate) fn bounded<T>(bytes: usize, run: impl FnOnce() -> T) -> T {
    let one = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let result = run();
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    drop(one);
    assert!(taken <= bytes, "{taken} bytes, where {bytes} are the most");
    result
}
