//! Who sent what, and what became of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aiomsg::Outbound;
use aiomsg::message::DropReason;
use bytes::Bytes;

use crate::network::{Party, lock};
use crate::plan::Plan;
use crate::talk::is_talk;
use crate::trace::Trace;

/// What a caller of `send` was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Acknowledged,
    /// An error handed the message back.
    Refused,
    /// An error did not: it is for the report of closing to do so.
    Unreturned,
    /// The caller waited no longer.
    GivenUp,
}

/// A message, as it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) by: Party,
    pub(crate) to: Option<usize>,
    pub(crate) acked: bool,
    pub(crate) outcome: Option<Outcome>,
}

/// What became of all messages of one sender with the same payload. Only those
/// that are ambiguous are not unique.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate {
    pub(crate) sent: Vec<Sent>,
    /// By whom it was received, in order.
    pub(crate) received: Vec<Party>,
    /// By whom it was handled to the end.
    pub(crate) handled: Vec<Party>,
    pub(crate) unsent: usize,
    pub(crate) unacknowledged: usize,
    pub(crate) dropped: Vec<DropReason>,
}

/// A message that was received: in the order of all that were.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) by: Party,
    pub(crate) from: usize,
    pub(crate) payload: Vec<u8>,
}

#[derive(Clone)]
pub(crate) struct Ledger(Arc<Inner>);

struct Inner {
    trace: Trace,
    plan: Plan,
    state: Mutex<State>,
    /// Bytes of payload that each host's socket still holds.
    live: Vec<Arc<AtomicUsize>>,
}

#[derive(Default)]
struct State {
    fates: BTreeMap<(usize, Vec<u8>), Fate>,
    arrivals: Vec<Arrival>,
    /// Lives that ended without a word.
    killed: Vec<Party>,
    faults: Vec<String>,
}

/// A payload that is counted until its last copy is gone.
struct Counted {
    bytes: Vec<u8>,
    live: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.live.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

impl Ledger {
    pub(crate) fn new(plan: Plan, trace: Trace) -> Self {
        let live = plan.hosts.iter().map(|_| Arc::default()).collect();
        Self(Arc::new(Inner {
            trace,
            plan,
            state: Mutex::default(),
            live,
        }))
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.0.plan
    }

    pub(crate) fn note(&self, what: impl std::fmt::Display) {
        self.0.trace.note(what);
    }

    /// Something that must not be.
    pub(crate) fn fault(&self, what: impl std::fmt::Display) {
        self.note(format_args!("FAULT {what}"));
        lock(&self.0.state).faults.push(what.to_string());
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        lock(&self.0.state).faults.clone()
    }

    /// The payload, as it is given to the socket.
    pub(crate) fn counted(&self, host: usize, bytes: &[u8]) -> Bytes {
        let live = Arc::clone(&self.0.live[host]);
        live.fetch_add(bytes.len(), Ordering::Relaxed);
        let bytes = bytes.to_vec();
        Bytes::from_owner(Counted { bytes, live })
    }

    pub(crate) fn live_bytes(&self, host: usize) -> usize {
        self.0.live[host].load(Ordering::Relaxed)
    }

    // ===== what happened =====

    /// A message is being sent. Says which one of those with its payload it is.
    pub(crate) fn sending(&self, payload: &[u8], sent: Sent) -> usize {
        let mut state = lock(&self.0.state);
        let key = (sent.by.host, payload.to_vec());
        let fate = state.fates.entry(key).or_default();
        fate.sent.push(sent);
        fate.sent.len() - 1
    }

    pub(crate) fn outcome(&self, by: Party, payload: &[u8], which: usize, outcome: Outcome) {
        self.note(format_args!("{by} sent {}: {outcome:?}", short(payload)));
        let mut state = lock(&self.0.state);
        let key = (by.host, payload.to_vec());
        if let Some(sent) = state
            .fates
            .get_mut(&key)
            .and_then(|fate| fate.sent.get_mut(which))
        {
            sent.outcome = Some(outcome);
        }
    }

    fn with(&self, host: usize, payload: &[u8], what: &str, note: impl FnOnce(&mut Fate)) {
        if is_talk(payload) {
            return;
        }
        let mut state = lock(&self.0.state);
        match state.fates.get_mut(&(host, payload.to_vec())) {
            Some(fate) => note(fate),
            None => {
                drop(state);
                let payload = short(payload);
                self.fault(format_args!("{what}: nobody ever sent {payload} as {host}"));
            }
        }
    }

    pub(crate) fn received(&self, by: Party, from: usize, payload: &[u8]) {
        self.note(format_args!("{by} got {} of {from}", short(payload)));
        self.with(from, payload, "received", |fate| fate.received.push(by));
        lock(&self.0.state).arrivals.push(Arrival {
            by,
            from,
            payload: payload.to_vec(),
        });
    }

    pub(crate) fn handled(&self, by: Party, from: usize, payload: &[u8]) {
        self.with(from, payload, "handled", |fate| fate.handled.push(by));
    }

    pub(crate) fn dropped(&self, by: Party, message: &Outbound, reason: DropReason) {
        let payload = message.payload();
        self.note(format_args!("{by} dropped {}: {reason}", short(payload)));
        self.with(by.host, payload, "dropped", |fate| {
            fate.dropped.push(reason);
        });
    }

    pub(crate) fn unsent(&self, by: Party, message: &Outbound) {
        self.note(format_args!("{by} unsent {}", short(message.payload())));
        self.with(by.host, message.payload(), "unsent", |fate| {
            fate.unsent += 1;
        });
    }

    pub(crate) fn unacknowledged(&self, by: Party, message: &Outbound) {
        let payload = message.payload();
        self.note(format_args!("{by} unacknowledged {}", short(payload)));
        self.with(by.host, payload, "unacknowledged", |fate| {
            fate.unacknowledged += 1;
        });
    }

    pub(crate) fn killed(&self, party: Party) {
        lock(&self.0.state).killed.push(party);
    }

    // ===== what is known =====

    pub(crate) fn is_killed(&self, party: Party) -> bool {
        lock(&self.0.state).killed.contains(&party)
    }

    /// Its sender has not waited for its end.
    pub(crate) fn is_given_up(&self, by: usize, payload: &[u8]) -> bool {
        let state = lock(&self.0.state);
        let fate = state.fates.get(&(by, payload.to_vec()));
        let given_up = |sent: &Sent| sent.outcome == Some(Outcome::GivenUp);
        fate.is_some_and(|fate| fate.sent.iter().any(given_up))
    }

    pub(crate) fn fates(&self) -> BTreeMap<(usize, Vec<u8>), Fate> {
        lock(&self.0.state).fates.clone()
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.0.state).arrivals.clone()
    }
}

/// As much of a payload as names it. The ids of questions are others in each run.
pub(crate) fn short(payload: &[u8]) -> String {
    if is_talk(payload) {
        return "a question, or an answer".to_owned();
    }
    let begin = payload[..payload.len().min(24)].escape_ascii();
    format!("\"{begin}\"({})", payload.len())
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.host, self.life)
    }
}
