//! Which messages were sent, and how often each was handled.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The number of the next message.
    pub(crate) next: u64,
    /// Those of which `send` has returned `Ok`.
    accepted: BTreeSet<u64>,
    handled: BTreeMap<u64, u32>,
}

impl Ledger {
    /// Notes a line of a process. Others than these are of the test harness.
    pub(crate) fn note(&mut self, line: &str) {
        let Some((what, number)) = line.split_once(' ') else {
            return;
        };
        let Ok(number) = number.parse() else { return };
        match what {
            "try" => self.next = self.next.max(number + 1),
            "ok" => _ = self.accepted.insert(number),
            "did" => self.handle(number),
            _ => {}
        }
    }

    /// A message that a producer keeps, since it lives.
    pub(crate) fn send(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        self.accepted.insert(number);
        number
    }

    pub(crate) fn handle(&mut self, number: u64) {
        *self.handled.entry(number).or_default() += 1;
    }

    pub(crate) fn handled(&self) -> usize {
        self.handled.len()
    }

    /// Whether every handled message was sent. What a producer says of one may be read behind
    /// what a consumer says.
    pub(crate) fn is_true(&self) -> bool {
        let last = self.handled.last_key_value();
        last.is_none_or(|(last, _)| *last < self.next)
    }

    /// Whether every accepted message was handled.
    pub(crate) fn is_complete(&self) -> bool {
        self.accepted.iter().all(|it| self.handled.contains_key(it))
    }

    pub(crate) fn missing(&self) -> Vec<u64> {
        let missing = self.accepted.iter().copied();
        let missing = missing.filter(|it| !self.handled.contains_key(it));
        missing.take(20).collect()
    }

    /// The messages that were handled more than once.
    pub(crate) fn doubled(&self) -> usize {
        self.handled.values().filter(|times| **times > 1).count()
    }

    pub(crate) fn summary(&self) -> String {
        format!(
            "{} accepted, {} handled, {} of them more than once, {} lost",
            self.accepted.len(),
            self.handled(),
            self.doubled(),
            self.missing().len(),
        )
    }
}
