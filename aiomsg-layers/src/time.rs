//! Durations that can be added to a point in time.

use std::time::Duration;

/// Thirty years, which stands for ever. Adding much more to the present would overflow.
const FOREVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// A duration that can be added to the present.
pub(crate) fn bounded(duration: Duration) -> Duration {
    duration.min(FOREVER)
}
