//! What must hold at the end of every round.

use std::collections::{BTreeMap, BTreeSet};

use aiomsg::SendMode;
use aiomsg::message::DropReason;
use tokio::time::Instant;

use crate::ledger::{Fate, Outcome, Party};
use crate::payload::{Name, name};
use crate::plan::{Ending, HostPlan, Receives};
use crate::wire;
use crate::world::World;

/// Reports everything that should not be.
pub(crate) fn all(world: &World) {
    let judge = Judge::new(world);
    let mut missing: BTreeMap<Party, Vec<Name>> = BTreeMap::new();
    for (name, fate) in &world.ledger.fates() {
        for fault in judge.faults(fate) {
            world.fault(format_args!("{name}: {fault}; {}", shown(world, fate)));
        }
        if judge.is_missing(fate) {
            missing.entry(fate.by).or_default().push(*name);
        }
    }
    for (sender, names) in missing {
        let allowance = world.ledger.allowance(sender);
        let allowed = allowance.reported.max(allowance.told);
        if names.len() as u64 > allowed {
            let count = names.len();
            let fates = world.ledger.fates();
            let some = names.iter().take(20);
            let some: Vec<_> = some
                .map(|name| format!("{name}, {}", shown(world, &fates[name])))
                .collect();
            world.fault(format_args!(
                "{sender}: {count} messages vanished, {allowance:?}:\n    {}\n   excused until {:?}",
                some.join("\n    "),
                judge.excuses_of(sender)
            ));
        }
    }
    order(world);
    if !world.plan.tls {
        whole_connections(world);
    }
}

struct Judge<'a> {
    world: &'a World,
    killed: BTreeSet<Party>,
    /// Until when messages of this sender to this host have an excuse.
    excuses: BTreeMap<(Party, usize), Instant>,
}

impl<'a> Judge<'a> {
    fn new(world: &'a World) -> Self {
        let ends = world.timeline.ends();
        let mut excuses = BTreeMap::new();
        for end in &ends {
            for &peer in &world.plan.hosts[end.party.host].neighbours {
                let touched = touched(world, end.party.host, peer);
                let until = world.timeline.excused_until(end.party, peer, &touched);
                excuses.extend(until.map(|until| ((end.party, peer), until)));
            }
        }
        Self {
            world,
            killed: ends
                .iter()
                .filter(|end| end.killed)
                .map(|end| end.party)
                .collect(),
            excuses,
        }
    }

    fn excuses_of(&self, sender: Party) -> Vec<(usize, f64)> {
        let excuses = self.excuses.iter();
        let excuses = excuses.filter(|((by, _), _)| *by == sender);
        excuses
            .map(|((_, peer), until)| (*peer, self.world.since(*until)))
            .collect()
    }

    fn sender(&self, fate: &Fate) -> &HostPlan {
        &self.world.plan.hosts[fate.by.host]
    }

    fn faults(&self, fate: &Fate) -> Vec<String> {
        let mut faults = Vec::new();
        let sender = self.sender(fate);
        let published = sender.mode == SendMode::Publish && fate.to.is_none();
        let times = fate.received.len();
        for host in 0..self.world.plan.hosts.len() {
            let by = || fate.received.iter().filter(|by| by.host == host);
            let in_one_life = |by: &Party| fate.received.iter().filter(|it| *it == by).count();
            let once = self.world.plan.hosts[host].receives == Receives::Once;
            let twice = match sender.at_least_once {
                false => by().count() > 1,
                true => once && by().any(|by| in_one_life(by) > 1),
            };
            if twice {
                faults.push(format!("{host} received it {} times", by().count()));
            }
            if by().count() > 0 && fate.to.is_some_and(|to| to != host) {
                faults.push(format!("{host} received it"));
            }
        }
        if !sender.at_least_once && !published && times > 1 {
            faults.push(format!("received {times} times"));
        }
        let not_sent = match fate.outcome {
            Some(Outcome::Refused) => true,
            Some(Outcome::GivenUp) => !fate.acked,
            _ => false,
        };
        if not_sent && (times > 0 || fate.told() > 0) {
            faults.push("not sent, and it was".to_owned());
        }
        if fate.outcome == Some(Outcome::Acknowledged) && times == 0 && !self.may_forget() {
            faults.push("acknowledged, and never received".to_owned());
        }
        if fate.outcome.is_none() && !self.killed.contains(&fate.by) {
            faults.push("its sender was told nothing".to_owned());
        }
        // Of one whose sender no longer waits, nothing is known but where it is.
        let is_known = !(fate.acked && fate.outcome == Some(Outcome::GivenUp));
        if fate.unsent > 0 && times > 0 && is_known {
            faults.push("reported as not sent, and received".to_owned());
        }
        if !published && fate.told() > 1 {
            faults.push("came back more than once".to_owned());
        }
        let for_certain = |reason: &&DropReason| {
            !matches!(
                reason,
                DropReason::Unconfirmed | DropReason::RetriesExhausted
            )
        };
        let dropped = fate.dropped.iter().filter(for_certain).count();
        if !published && !sender.at_least_once && dropped > 0 && times > 0 {
            faults.push("dropped, and received".to_owned());
        }
        faults
    }

    /// Whether a host has died with what it had acknowledged.
    fn may_forget(&self) -> bool {
        !self.killed.is_empty()
    }

    /// Accepted, not received, not told of, and without an excuse.
    fn is_missing(&self, fate: &Fate) -> bool {
        if !fate.is_open() || self.killed.contains(&fate.by) {
            return false;
        }
        let sender = self.sender(fate);
        if sender.at_least_once {
            return !self.may_forget();
        }
        if sender.mode == SendMode::Publish && fate.to.is_none() {
            // Whether anybody was connected is not known, but when all is well.
            let plan = &self.world.plan;
            let all_there = fate.late && plan.ending == Ending::Settled;
            if !all_there {
                return false;
            }
        }
        let peers = match &fate.to {
            Some(to) => std::slice::from_ref(to),
            None => &sender.neighbours[..],
        };
        let excused = |peer: &usize| {
            let until = self.excuses.get(&(fate.by, *peer));
            until.is_some_and(|until| fate.began <= *until)
        };
        !peers.iter().any(excused)
    }
}

/// A message, for whoever looks for what became of it.
fn shown(world: &World, fate: &Fate) -> String {
    let Fate {
        by,
        to,
        acked,
        began,
        outcome,
        received,
        dropped,
        ..
    } = fate;
    let received: Vec<_> = received.iter().map(ToString::to_string).collect();
    format!(
        "by {by} to {to:?} at {:.3}, acked {acked}: {outcome:?}, received by {received:?}, \
         dropped {dropped:?}, {} unsent, {} unacknowledged",
        world.since(*began),
        fate.unsent,
        fate.unacknowledged
    )
}

/// When something was first done to each of the connections between two hosts that
/// something was done to.
fn touched(world: &World, a: usize, b: usize) -> Vec<Instant> {
    let plan = &world.plan;
    let edges: Vec<_> = plan.edges_between(a, b).collect();
    let connections = edges
        .iter()
        .flat_map(|edge| world.proxies[*edge].connections());
    connections.filter_map(|it| it.touched()).collect()
}

/// Messages of one stream that is sent by one task, at-most-once and to one receiver,
/// come in order.
fn order(world: &World) {
    let mut last: BTreeMap<(usize, usize, usize), usize> = BTreeMap::new();
    for (by, it) in world.ledger.arrivals() {
        let sender = &world.plan.hosts[it.host];
        let stream = &sender.streams[it.stream];
        let one_receiver =
            stream.to.is_some() || sender.mode == SendMode::Publish || sender.neighbours.len() == 1;
        let in_order = world.plan.hosts[by.host].receives.in_order() && stream.tasks == 1;
        if sender.at_least_once || !one_receiver || !in_order {
            continue;
        }
        let before = last.insert((by.host, it.host, it.stream), it.number);
        if let Some(before) = before.filter(|before| *before >= it.number) {
            world.fault(format_args!("{it} came to {by} after number {before}"));
        }
    }
}

/// What a connection has taken that both ends have ended in good order was received.
fn whole_connections(world: &World) {
    let fates = world.ledger.fates();
    let ends = world.timeline.ends();
    let abrupt: Vec<_> = ends.iter().filter(|end| end.abrupt).collect();
    for (number, edge) in world.plan.edges.iter().enumerate() {
        for connection in world.proxies[number].connections() {
            for (side, sender, receiver) in [
                (0, edge.dialler, edge.binder),
                (1, edge.binder, edge.dialler),
            ] {
                let Some(bytes) = connection.whole(side) else {
                    continue;
                };
                let refused = world.timeline.has_refused(receiver, sender);
                if refused || abrupt.iter().any(|end| end.party.host == receiver) {
                    continue;
                }
                for message in wire::messages(&bytes) {
                    let Some((name, fate)) =
                        name(message.payload).and_then(|it| Some((it, fates.get(&it)?)))
                    else {
                        let begin = message.payload.escape_ascii();
                        world.fault(format_args!("edge {number} carried \"{begin}\""));
                        continue;
                    };
                    let received = fate.received.iter().any(|by| by.host == receiver);
                    let acknowledges = world.plan.hosts[name.host].at_least_once;
                    if !received && !acknowledges {
                        world.fault(format_args!(
                            "{name} came to {receiver} by a connection that ended in good order, \
                             and was not received"
                        ));
                    }
                }
            }
        }
    }
}
