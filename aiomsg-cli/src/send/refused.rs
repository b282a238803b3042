//! Input that could not be sent, while the rest was.

use super::summary::Summary;
use crate::common::failure::{Failure, Outcome};
use crate::common::say::say;

#[derive(Debug, Default)]
pub(super) struct Refused {
    first: Option<Failure>,
    others: u64,
}

impl Refused {
    /// Says so at once: the end may be far.
    pub(super) fn add(&mut self, why: Failure) {
        say(format_args!("not sent: {why}"));
        match self.first {
            None => self.first = Some(why),
            Some(_) => self.others += 1,
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.others + u64::from(self.first.is_some())
    }

    /// The outcome of all. The code is that of the first refusal.
    pub(super) fn outcome(self, summary: &Summary, at_least_once: bool) -> Outcome {
        match self.first {
            None => summary.outcome(at_least_once),
            Some(first) => Err(first.but(format_args!("sent were {summary}"))),
        }
    }
}
