//! Doing something at a rate.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often it is looked whether more may be done.
const STEP: Duration = Duration::from_millis(10);

/// Lets an amount a second pass. What was not used when it was due is not used
/// later: after a pause, the rate is no higher than before.
pub(crate) struct Pace {
    steps: Interval,
    each: f64,
    left: f64,
}

impl Pace {
    pub(crate) fn new(per_second: u64) -> Self {
        let mut steps = interval(STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            steps,
            each: per_second as f64 * STEP.as_secs_f64(),
            left: 0.0,
        }
    }

    /// Waits until `amount` may pass.
    pub(crate) async fn pass(&mut self, amount: u64) {
        while self.left <= 0.0 {
            self.steps.tick().await;
            self.left = (self.left + self.each).min(self.each);
        }
        self.left -= amount as f64;
    }
}
