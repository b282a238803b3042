//! What must hold at the end of every run.

use std::collections::{BTreeMap, BTreeSet};

use aiomsg::SendMode;
use aiomsg::message::DropReason;

use crate::ledger::{Fate, Ledger, Outcome, Sent, short};
use crate::network::{Network, Party, lock};
use crate::payload::position;
use crate::plan::{HostPlan, Receives};
use crate::stranger;
use crate::wire;
use crate::world::World;

/// A message that a connection took whole.
#[derive(Debug, Clone, Copy)]
struct Taken {
    to: Party,
    /// The other end has read every byte of it.
    read: bool,
    /// All that went this way was read to an orderly end, by a host that lived
    /// to deal with it.
    lossless: bool,
    /// It came by a connection that its sender had given up before the handshake
    /// arrived, and perhaps had replaced by another one.
    late: bool,
}

type Wires = BTreeMap<(usize, Vec<u8>), Vec<Taken>>;

/// Reports everything that should not be.
pub(crate) fn all(ledger: &Ledger, network: &Network) {
    note_links(ledger, network);
    let wires = wires(ledger, network);
    for ((host, payload), fate) in &ledger.fates() {
        let taken = wires
            .get(&(*host, payload.clone()))
            .map_or(&[][..], Vec::as_slice);
        let judge = Judge {
            ledger,
            sender: &ledger.plan().hosts[*host],
            fate,
            taken,
        };
        for fault in judge.judge() {
            ledger.fault(format_args!(
                "{} of {host}: {fault}; {fate:?}; {taken:?}",
                short(payload)
            ));
        }
    }
    order(ledger, &wires);
}

/// What each link has carried, for whoever reads the trace.
fn note_links(ledger: &Ledger, network: &Network) {
    for (number, link) in network.links().iter().enumerate() {
        let link = lock(link);
        for (side, pipe) in link.pipes.iter().enumerate() {
            let (from, to) = (link.parties[side], link.parties[1 - side].host);
            let messages = wire::messages(&pipe.taken);
            let messages = messages.iter().map(|message| short(message.payload));
            let messages: Vec<_> = messages.collect();
            ledger.note(format_args!(
                "link {number}, {from} to {to}: {} of {} bytes read, {}{}",
                pipe.read,
                pipe.taken.len(),
                if pipe.saw_end { "to the end, " } else { "" },
                messages.join(" "),
            ));
        }
    }
}

/// What has neither arrived nor come back yet, of hosts that live.
pub(crate) fn unsettled(world: &World) -> Vec<String> {
    let ledger = &world.ledger;
    let wires = wires(ledger, &world.network);
    let mut left = Vec::new();
    for ((host, payload), fate) in &ledger.fates() {
        let taken = wires
            .get(&(*host, payload.clone()))
            .map_or(&[][..], Vec::as_slice);
        let judge = Judge {
            ledger,
            sender: &ledger.plan().hosts[*host],
            fate,
            taken,
        };
        if !judge.is_mortal() && judge.ended() < fate.sent.len() {
            left.push(short(payload));
        }
    }
    left
}

fn wires(ledger: &Ledger, network: &Network) -> Wires {
    let mut wires = Wires::new();
    for link in network.links() {
        let link = lock(&link);
        for (side, pipe) in link.pipes.iter().enumerate() {
            let (from, to) = (link.parties[side], link.parties[1 - side]);
            let whole = pipe.read == pipe.taken.len() && pipe.saw_end && link.broken.is_none();
            let lossless = whole && !ledger.is_killed(to);
            for message in wire::messages(&pipe.taken) {
                let key = (from.host, message.payload.to_vec());
                wires.entry(key).or_default().push(Taken {
                    to,
                    read: message.end <= pipe.read,
                    lossless,
                    late: pipe.late,
                });
            }
        }
    }
    wires
}

/// Judges what became of one message, or of several with the same payload.
struct Judge<'a> {
    ledger: &'a Ledger,
    sender: &'a HostPlan,
    fate: &'a Fate,
    taken: &'a [Taken],
}

impl Judge<'_> {
    fn judge(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let publishes = self.sender.mode == SendMode::Publish;
        if self.sender.at_least_once {
            self.at_least_once(&mut faults);
        } else if publishes && self.fate.sent.iter().any(|sent| sent.to.is_none()) {
            self.published(&mut faults);
        } else {
            self.at_most_once(&mut faults);
        }
        if !self.is_mortal() && self.fate.sent.iter().any(|sent| sent.outcome.is_none()) {
            faults.push("nobody was told what became of a send".to_owned());
        }
        self.arrived_at_its_address(&mut faults);
        faults
    }

    fn count(&self, outcome: Outcome) -> usize {
        let all = self.fate.sent.iter();
        all.filter(|sent| sent.outcome == Some(outcome)).count()
    }

    /// A sender was killed, and took along what it had.
    fn is_mortal(&self) -> bool {
        let mut all = self.fate.sent.iter();
        all.any(|sent| self.ledger.is_killed(sent.by))
    }

    /// How many have come to their end, as far as their sender is concerned.
    fn ended(&self) -> usize {
        let fate = self.fate;
        let back = fate.unsent + fate.unacknowledged + fate.dropped.len();
        let back = back + self.count(Outcome::Refused) + self.count(Outcome::GivenUp);
        match self.sender.at_least_once {
            true => back + self.delivered_at_least_once(),
            false => back + self.taken.len(),
        }
    }

    /// Those that may have left or not when a connection by TLS ended.
    fn unconfirmed(&self) -> usize {
        let dropped = self.fate.dropped.iter();
        dropped.filter(|it| **it == DropReason::Unconfirmed).count()
    }

    fn delivered_at_least_once(&self) -> usize {
        // With an inbox that was lost, nobody can tell.
        let lost_inbox = self.taken.iter().filter(|taken| self.died_with_it(taken));
        self.fate.received.len() + lost_inbox.count() + self.acknowledged_in_its_place()
    }

    /// How many may have been acknowledged by a stranger in the place of the host that
    /// they were for, which is its right: as soon as its connection has them, before a
    /// byte of them has left.
    fn acknowledged_in_its_place(&self) -> usize {
        let replaced = |sent: &&Sent| {
            sent.to.is_some_and(|to| {
                let mut visits = self.ledger.plan().visits();
                visits.any(|it| it.to == sent.by.host && it.claims == Some(to) && it.forges)
            })
        };
        self.fate.sent.iter().filter(replaced).count()
    }

    /// It was in the inbox of a host that acknowledges what is there, and that
    /// was killed.
    fn died_with_it(&self, taken: &Taken) -> bool {
        if stranger::is_one(taken.to.host) {
            return stranger::forges(self.ledger.plan(), taken.to.host);
        }
        let plainly = matches!(
            self.ledger.plan().hosts[taken.to.host].receives,
            Receives::Plainly | Receives::Once
        );
        plainly && taken.read && self.ledger.is_killed(taken.to)
    }

    fn at_most_once(&self, faults: &mut Vec<String>) {
        let (sent, received) = (self.fate.sent.len(), self.fate.received.len());
        if received > sent {
            faults.push(format!("received {received} times"));
        }
        if self.taken.len() > sent {
            faults.push(format!("left {} times", self.taken.len()));
        }
        let ended = self.ended();
        if ended - self.unconfirmed().min(self.taken.len()) > sent {
            faults.push("sent, and came back, too".to_owned());
        }
        if ended < sent && !self.is_mortal() {
            faults.push("vanished".to_owned());
        }
        self.lost_by_the_network(received, self.taken, faults);
    }

    /// What was taken and not received was under way when a connection broke,
    /// or when its receiver died.
    fn lost_by_the_network(&self, received: usize, taken: &[Taken], faults: &mut Vec<String>) {
        if received > taken.len() {
            faults.push(format!("received {received} times, left {}", taken.len()));
            return;
        }
        let calm = self.ledger.plan().calm;
        let may_lose = |taken: &&Taken| !taken.lossless && !calm;
        let lossy = taken.iter().filter(may_lose).count();
        if taken.len() - received > lossy {
            faults.push("arrived, and was not received".to_owned());
        }
    }

    fn published(&self, faults: &mut Vec<String>) {
        let fate = self.fate;
        let sent = fate.sent.len();
        let refused = self.count(Outcome::Refused) + self.count(Outcome::GivenUp);
        for &host in &self.sender.neighbours {
            let taken: Vec<_> = self
                .taken
                .iter()
                .copied()
                .filter(|it| it.to.host == host)
                .collect();
            let received = fate.received.iter().filter(|it| it.host == host).count();
            if received > sent || taken.len() > sent {
                faults.push(format!("more than one copy for {host}"));
            }
            if taken.len() > sent - refused {
                faults.push(format!("refused, and {host} had a copy"));
            }
            self.lost_by_the_network(received, &taken, faults);
        }
        if !self.is_mortal() && self.ended() < sent {
            faults.push("vanished".to_owned());
        }
    }

    fn at_least_once(&self, faults: &mut Vec<String>) {
        let fate = self.fate;
        let sent = fate.sent.len();
        if !self.is_mortal() && self.ended() < sent {
            faults.push("vanished".to_owned());
        }
        if fate.unsent + fate.unacknowledged > sent {
            faults.push("came back twice".to_owned());
        }
        let acknowledged = self.count(Outcome::Acknowledged);
        if acknowledged > 0 && self.delivered_at_least_once() == 0 {
            faults.push("acknowledged, and never received".to_owned());
        }
        let not_sent = |outcome| !matches!(outcome, Some(Outcome::GivenUp | Outcome::Refused));
        let may_leave = fate
            .sent
            .iter()
            .any(|sent| sent.acked || not_sent(sent.outcome));
        if !may_leave && !self.taken.is_empty() {
            faults.push("not sent, and it left".to_owned());
        }
        let by: BTreeSet<_> = fate.received.iter().copied().collect();
        for party in by {
            let times = |all: &[Party]| all.iter().filter(|by| **by == party).count();
            let handled = match self.ledger.plan().hosts[party.host].receives {
                Receives::Serving { once: true, .. } => times(&fate.handled),
                Receives::Once => times(&fate.received),
                _ => 0,
            };
            if handled > sent {
                faults.push(format!("{party} handled it {handled} times"));
            }
        }
    }

    fn arrived_at_its_address(&self, faults: &mut Vec<String>) {
        let (to, any) = match self.fate.sent.first() {
            Some(first) => (first.to, self.fate.sent.iter().any(|it| it.to != first.to)),
            None => return,
        };
        if let (Some(to), false) = (to, any)
            && self.fate.received.iter().any(|by| by.host != to)
        {
            faults.push("received by another".to_owned());
        }
    }
}

/// Messages of one stream that is sent at-most-once to one receiver come in
/// order: unless one of its connections is held up before its handshake, given up
/// by its sender, and comes to life when a later one has been there already.
/// Nothing in the protocol tells its receiver which one is the older.
fn order(ledger: &Ledger, wires: &Wires) {
    let mut last: BTreeMap<(usize, usize, usize), usize> = BTreeMap::new();
    // A stranger is one more who may get a message.
    let visits = ledger.plan().visits();
    let visitors: BTreeSet<_> = visits.map(|visit| visit.to).collect();
    for arrival in ledger.arrivals() {
        let Some((stream, number)) = position(&arrival.payload) else {
            continue;
        };
        let sender = &ledger.plan().hosts[arrival.from];
        let Some(plan) = sender.streams.get(stream) else {
            continue;
        };
        let visited = visitors.contains(&arrival.from);
        let one_receiver = plan.to.is_some()
            || sender.mode == SendMode::Publish
            || (sender.neighbours.len() == 1 && !visited);
        let taken = wires.get(&(arrival.from, arrival.payload.clone()));
        let is_late = taken.is_some_and(|taken| taken.iter().any(|taken| taken.late));
        if sender.at_least_once || !one_receiver || is_late {
            continue;
        }
        let by = arrival.by;
        let before = last.insert((by.host, arrival.from, stream), number);
        if before.is_some_and(|before| before >= number) {
            let payload = short(&arrival.payload);
            ledger.fault(format_args!(
                "{payload} of {} came to {by} after number {before:?}",
                arrival.from
            ));
        }
    }
}
