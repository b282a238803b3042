//! Who sent what, and what became of it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use aiomsg::Outbound;
use aiomsg::close::CloseReport;
use aiomsg::message::DropReason;
use tokio::time::Instant;

use crate::payload::{Name, name};
use crate::world::lock;

/// A host, and how often it had been started before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Party {
    pub(crate) host: usize,
    pub(crate) life: usize,
}

/// What a caller of `send` was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Acknowledged,
    /// An error handed the message back: the socket was closed, or had no room.
    Refused,
    /// It was sent, perhaps, and given up before it was acknowledged.
    LostHope,
    /// The socket was closed before it was acknowledged: it is for the report.
    Unreturned,
    /// The caller waited no longer.
    GivenUp,
}

/// A message, and all that is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Fate {
    pub(crate) by: Party,
    pub(crate) to: Option<usize>,
    pub(crate) acked: bool,
    /// Sent when the network was well again.
    pub(crate) late: bool,
    /// When sending it began.
    pub(crate) began: Instant,
    pub(crate) outcome: Option<Outcome>,
    /// By whom it was received, in order.
    pub(crate) received: Vec<Party>,
    pub(crate) unsent: usize,
    pub(crate) unacknowledged: usize,
    pub(crate) dropped: Vec<DropReason>,
}

/// What a socket may have lost, as it said itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unconfirmed {
    pub(crate) reported: u64,
    pub(crate) told: u64,
}

#[derive(Default)]
pub(crate) struct Ledger(Mutex<State>);

#[derive(Default)]
struct State {
    fates: BTreeMap<Name, Fate>,
    /// What each host received, in order.
    arrivals: Vec<(Party, Name)>,
    unconfirmed: BTreeMap<Party, Unconfirmed>,
    faults: Vec<String>,
}

impl Ledger {
    /// Something that must not be.
    pub(crate) fn fault(&self, what: impl std::fmt::Display) {
        lock(&self.0).faults.push(what.to_string());
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        lock(&self.0).faults.clone()
    }

    pub(crate) fn sending(
        &self,
        name: Name,
        by: Party,
        to: Option<usize>,
        acked: bool,
        late: bool,
    ) {
        let fate = Fate {
            by,
            to,
            acked,
            late,
            began: Instant::now(),
            outcome: None,
            received: Vec::new(),
            unsent: 0,
            unacknowledged: 0,
            dropped: Vec::new(),
        };
        if lock(&self.0).fates.insert(name, fate).is_some() {
            self.fault(format_args!("the test has sent {name} twice"));
        }
    }

    pub(crate) fn outcome(&self, name: Name, outcome: Outcome) {
        if let Some(fate) = lock(&self.0).fates.get_mut(&name) {
            fate.outcome = Some(outcome);
        }
    }

    fn with(&self, what: &str, by: Party, payload: &[u8], note: impl FnOnce(&mut Fate)) {
        let mut state = lock(&self.0);
        let State { fates, faults, .. } = &mut *state;
        let known = name(payload).and_then(|name| fates.get_mut(&name));
        match known {
            Some(fate) => note(fate),
            None => {
                let begin = payload[..payload.len().min(24)].escape_ascii();
                let len = payload.len();
                faults.push(format!(
                    "{what} by {by}: \"{begin}\" ({len}) was never sent"
                ));
            }
        }
    }

    pub(crate) fn received(&self, by: Party, payload: &[u8]) {
        self.with("received", by, payload, |fate| fate.received.push(by));
        if let Some(name) = name(payload) {
            lock(&self.0).arrivals.push((by, name));
        }
    }

    pub(crate) fn dropped(&self, by: Party, message: &Outbound, reason: DropReason) {
        let payload = message.payload();
        self.with("dropped", by, payload, |fate| fate.dropped.push(reason));
    }

    /// An event told of so many messages.
    pub(crate) fn unconfirmed(&self, by: Party, messages: u64) {
        lock(&self.0).unconfirmed.entry(by).or_default().told += messages;
    }

    pub(crate) fn report(&self, by: Party, report: &CloseReport) {
        for message in &report.unsent {
            self.with("unsent", by, message.payload(), |fate| fate.unsent += 1);
        }
        for message in &report.unacknowledged {
            let note = |fate: &mut Fate| fate.unacknowledged += 1;
            self.with("unacknowledged", by, message.payload(), note);
        }
        let mut state = lock(&self.0);
        state.unconfirmed.entry(by).or_default().reported += report.unconfirmed_messages();
    }

    // ===== what is known =====

    pub(crate) fn fates(&self) -> BTreeMap<Name, Fate> {
        lock(&self.0).fates.clone()
    }

    pub(crate) fn arrivals(&self) -> Vec<(Party, Name)> {
        lock(&self.0).arrivals.clone()
    }

    pub(crate) fn arrivals_so_far(&self) -> usize {
        lock(&self.0).arrivals.len()
    }

    /// How many messages may not have been read, as this socket said.
    pub(crate) fn allowance(&self, by: Party) -> Unconfirmed {
        let state = lock(&self.0);
        state.unconfirmed.get(&by).copied().unwrap_or_default()
    }

    /// How many were accepted and have neither arrived nor come back yet.
    pub(crate) fn open(&self) -> usize {
        let state = lock(&self.0);
        state.fates.values().filter(|fate| fate.is_open()).count()
    }
}

impl Fate {
    /// It was accepted, and has neither arrived nor come back.
    pub(crate) fn is_open(&self) -> bool {
        let accepted = matches!(
            self.outcome,
            Some(Outcome::Accepted | Outcome::Acknowledged | Outcome::Unreturned)
        );
        accepted && self.received.is_empty() && self.told() == 0
    }

    /// How often its sender was told that it did not arrive.
    pub(crate) fn told(&self) -> usize {
        self.unsent + self.unacknowledged + self.dropped.len()
    }
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.host, self.life)
    }
}
