//! Rates over time.

use std::collections::VecDeque;
use std::time::Duration;

use super::status;

/// How often it is looked.
pub(super) const STEP: Duration = Duration::from_secs(1);

/// Ten minutes.
const STEPS: usize = 600;

/// Counters at one time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) messages: u64,
    pub(super) answers: u64,
    pub(super) dropped: u64,
}

#[derive(Debug, Default)]
pub(super) struct History {
    last: Option<Totals>,
    /// Messages, answers and drops in a second.
    rates: VecDeque<[f64; 3]>,
}

impl History {
    /// Adds a step that took so long.
    pub(super) fn add(&mut self, totals: Totals, took: Duration) {
        if let Some(last) = self.last.replace(totals) {
            if self.rates.len() == STEPS {
                self.rates.pop_front();
            }
            self.rates.push_back([
                rate(last.messages, totals.messages, took),
                rate(last.answers, totals.answers, took),
                rate(last.dropped, totals.dropped, took),
            ]);
        }
    }

    /// The last rates of messages and answers.
    pub(super) fn now(&self) -> (f64, f64) {
        let [messages, answers, _] = self.rates.back().copied().unwrap_or_default();
        (messages, answers)
    }

    pub(super) fn show(&self) -> status::History {
        let column = |n: usize| self.rates.iter().map(|rates| rates[n]).collect();
        status::History {
            step_seconds: STEP.as_secs(),
            steps: STEPS,
            messages: column(0),
            answers: column(1),
            dropped: column(2),
        }
    }
}

/// In a second, to a tenth.
pub(super) fn rate(before: u64, now: u64, took: Duration) -> f64 {
    let seconds = took.as_secs_f64().max(0.001);
    (now.saturating_sub(before) as f64 / seconds * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_the_last_ten_minutes() {
        let mut history = History::default();
        for n in 0..STEPS as u64 + 10 {
            let totals = Totals {
                messages: n * n,
                ..Totals::default()
            };
            history.add(totals, STEP);
        }
        let shown = history.show();
        assert_eq!(shown.messages.len(), STEPS);
        let last = (STEPS + 9) as f64;
        assert_eq!(history.now().0, last * last - (last - 1.0) * (last - 1.0));
        assert_eq!(shown.messages.last(), Some(&history.now().0));
    }

    #[test]
    fn a_rate_is_by_the_second() {
        assert_eq!(rate(10, 40, Duration::from_secs(2)), 15.0);
        assert_eq!(rate(40, 10, Duration::from_secs(2)), 0.0);
    }
}
