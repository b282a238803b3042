//! How much happened: a simulation in which nothing goes wrong finds nothing.

use std::collections::BTreeMap;

use crate::ledger::{Ledger, Outcome};
use crate::network::{Network, lock};

/// How often each thing happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally(BTreeMap<String, usize>);

impl Tally {
    pub(crate) fn of(ledger: &Ledger, network: &Network, lines: &[String]) -> Self {
        let mut tally = Self::default();
        for fate in ledger.fates().values() {
            let sent = fate.sent.len();
            tally.add("messages sent", sent);
            tally.add("messages received", fate.received.len());
            tally.add("unsent in a report", fate.unsent);
            tally.add("unacknowledged in a report", fate.unacknowledged);
            for sent in &fate.sent {
                match sent.outcome {
                    Some(Outcome::Refused) => tally.add("refused", 1),
                    Some(Outcome::GivenUp) => tally.add("given up by the caller", 1),
                    Some(Outcome::Acknowledged) => tally.add("acknowledged sends", 1),
                    _ => {}
                }
            }
            for reason in &fate.dropped {
                tally.add(&format!("dropped: {reason:?}"), 1);
            }
            let one = sent == 1 && fate.received.len() > 1;
            tally.add("received more than once", usize::from(one));
            tally.add("never received", usize::from(fate.received.is_empty()));
        }
        for link in network.links() {
            let link = lock(&link);
            tally.add("links", 1);
            tally.add("links that broke", usize::from(link.broken.is_some()));
            let lost = link.pipes.iter().map(|pipe| pipe.taken.len() - pipe.read);
            tally.add("bytes that were lost", lost.sum());
        }
        for (what, sign) in [
            ("hosts killed", " is killed"),
            ("reports of hosts that closed", " is closed:"),
            ("closes that were given up", " gave up: true"),
            ("dials that failed", "dialling failed"),
            ("connections of v1", "is up, v1"),
            ("connections of 2019", "is up, 2019"),
            ("peers down by timeout", "is down: Timeout"),
            ("peers down by limit", "is down: Limit"),
            ("identities in use", "accepting failed: IdentityInUse"),
            ("queues that were full", " is slow"),
        ] {
            let times = lines.iter().filter(|line| line.contains(sign));
            tally.add(what, times.count());
        }
        tally
    }

    fn add(&mut self, what: &str, times: usize) {
        *self.0.entry(what.to_owned()).or_default() += times;
    }

    pub(crate) fn join(&mut self, other: Self) {
        for (what, times) in other.0 {
            self.add(&what, times);
        }
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<&str> {
        let missing = self.0.iter().filter(|(_, times)| **times == 0);
        let mut missing: Vec<_> = missing.map(|(what, _)| what.as_str()).collect();
        for what in [
            "dropped: Overflow",
            "dropped: PeerAbsent",
            "dropped: PeerGone",
            "dropped: RetriesExhausted",
            "given up by the caller",
            "refused",
        ] {
            if !self.0.contains_key(what) {
                missing.push(what);
            }
        }
        missing
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (what, times) in &self.0 {
            writeln!(f, "{times:>12} {what}")?;
        }
        Ok(())
    }
}
