//! Who did how many jobs, and whether each was done exactly once.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use crate::common::failure::{Failure, Outcome};

pub(super) struct Tally {
    /// How often each job was done, as far as it can be counted in a byte.
    times: Vec<u8>,
    /// How many jobs each consumer did.
    consumers: Vec<u64>,
    /// Results that belong to no job.
    strange: u64,
    /// How often the proxy was killed.
    kills: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Summary {
    jobs: usize,
    done: u64,
    lost: usize,
    doubled: usize,
    strange: u64,
    kills: u32,
    consumers: Vec<u64>,
    seconds: f64,
}

impl Tally {
    pub(super) fn new(jobs: u32, consumers: usize) -> Self {
        Self {
            times: vec![0; jobs as usize],
            consumers: vec![0; consumers],
            strange: 0,
            kills: 0,
        }
    }

    #[cfg(feature = "spool")]
    pub(super) fn note_kills(&mut self, kills: u32) {
        self.kills = kills;
    }

    /// Counts a job, and returns whether it was done for the first time. `consumer` counts
    /// from 1.
    pub(super) fn add(&mut self, consumer: u32, job: &[u8]) -> bool {
        if let Some(done) = self.consumers.get_mut(consumer as usize - 1) {
            *done += 1;
        }
        let number = std::str::from_utf8(job)
            .ok()
            .and_then(|job| job.parse().ok());
        match number.and_then(|number: usize| self.times.get_mut(number)) {
            Some(times) => {
                *times = times.saturating_add(1);
                *times == 1
            }
            None => {
                self.strange += 1;
                false
            }
        }
    }

    pub(super) fn summary(&self, time: Duration) -> Summary {
        let count = |is: fn(&u8) -> bool| self.times.iter().filter(|times| is(times)).count();
        Summary {
            jobs: self.times.len(),
            done: self.consumers.iter().sum(),
            lost: count(|times| *times == 0),
            doubled: count(|times| *times > 1),
            strange: self.strange,
            kills: self.kills,
            consumers: self.consumers.clone(),
            seconds: time.as_secs_f64(),
        }
    }

    pub(super) fn table(&self, time: Duration) -> String {
        let summary = self.summary(time);
        let mut table = String::from("consumer     jobs\n");
        for (at, done) in self.consumers.iter().enumerate() {
            let name = format!("consumer {}", at + 1);
            let _ = writeln!(table, "{name:<11} {done:>5}");
        }
        let Summary {
            jobs,
            done,
            lost,
            doubled,
            strange,
            kills,
            seconds,
            ..
        } = summary;
        let _ = writeln!(table, "all         {done:>5}");
        let _ = writeln!(
            table,
            "\n{jobs} jobs in {seconds:.2} s: {lost} lost, {doubled} done twice"
        );
        if kills > 0 {
            let _ = writeln!(table, "the proxy was killed {kills} times");
        }
        if strange > 0 {
            let _ = writeln!(table, "{strange} results belong to no job");
        }
        if self.outcome().is_ok() {
            table.push_str("every job was done exactly once\n");
        }
        table
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.strange == 0 && self.times.iter().all(|times| *times == 1) {
            true => Ok(()),
            false => Err(Failure::failed("not every job was done exactly once")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_is_lost_or_doubled_is_a_failure() {
        let tally = |jobs: &[&[u8]]| {
            let mut tally = Tally::new(2, 1);
            for job in jobs {
                tally.add(1, job);
            }
            let Summary {
                lost,
                doubled,
                strange,
                ..
            } = tally.summary(Duration::ZERO);
            (tally.outcome().is_ok(), lost, doubled, strange)
        };
        assert_eq!(tally(&[b"0", b"1"]), (true, 0, 0, 0));
        assert_eq!(tally(&[b"0"]), (false, 1, 0, 0));
        assert_eq!(tally(&[b"0", b"1", b"1"]), (false, 0, 1, 0));
        assert_eq!(tally(&[b"0", b"1", b"2", b"x"]), (false, 0, 0, 2));
    }
}
