//! How much happened: rounds in which nothing goes wrong find nothing.

use std::collections::BTreeMap;

use crate::ledger::Outcome;
use crate::proxy::Proxy;
use crate::world::World;

/// How often each thing happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(BTreeMap<String, u64>);

/// What must have happened in many rounds.
const EXPECTED: [&str; 12] = [
    "connections that were touched",
    "connections that ended in good order",
    "dropped: Overflow",
    "given up by the caller",
    "hosts closed",
    "hosts killed",
    "messages received",
    "never received",
    "refused",
    "acknowledged sends",
    "unacknowledged in a report",
    "unsent in a report",
];

impl Tally {
    pub(crate) fn of(world: &World) -> Self {
        let mut tally = Self::default();
        let plan = &world.plan;
        tally.add("rounds", 1);
        tally.add("rounds by TLS", u64::from(plan.tls));
        tally.add("rounds with a network that was well", u64::from(plan.quiet));
        for fate in world.ledger.fates().values() {
            tally.add("messages sent", 1);
            tally.add("messages received", fate.received.len() as u64);
            tally.add("unsent in a report", fate.unsent as u64);
            tally.add("unacknowledged in a report", fate.unacknowledged as u64);
            match fate.outcome {
                Some(Outcome::Refused) => tally.add("refused", 1),
                Some(Outcome::GivenUp) => tally.add("given up by the caller", 1),
                Some(Outcome::Acknowledged) => tally.add("acknowledged sends", 1),
                _ => {}
            }
            for reason in &fate.dropped {
                tally.add(&format!("dropped: {reason:?}"), 1);
            }
            let nowhere = fate.is_open();
            tally.add("accepted, lost on the way", u64::from(nowhere));
            tally.add("never received", u64::from(fate.received.is_empty()));
        }
        for connection in world.proxies.iter().flat_map(Proxy::connections) {
            tally.add("connections", 1);
            let touched = connection.touched().is_some();
            tally.add("connections that were touched", u64::from(touched));
            let whole = connection.whole(0).is_some();
            tally.add("connections that ended in good order", u64::from(whole));
        }
        for end in world.timeline.ends() {
            let what = match (end.killed, end.abrupt) {
                (true, _) => "hosts killed",
                (_, true) => "hosts closed at a deadline",
                _ => "hosts closed",
            };
            tally.add(what, 1);
            let allowance = world.ledger.allowance(end.party);
            tally.add("unconfirmed, as reports say", allowance.reported);
            tally.add("unconfirmed, as events say", allowance.told);
        }
        tally
    }

    fn add(&mut self, what: &str, times: u64) {
        *self.0.entry(what.to_owned()).or_default() += times;
    }

    pub(crate) fn join(&mut self, other: Self) {
        for (what, times) in other.0 {
            self.add(&what, times);
        }
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<&str> {
        let never = |what: &&str| self.0.get(*what).is_none_or(|times| *times == 0);
        EXPECTED.into_iter().filter(never).collect()
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
