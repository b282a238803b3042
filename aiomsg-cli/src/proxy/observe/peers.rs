//! The peers of a side.

use std::collections::HashMap;
use std::time::Duration;

use aiomsg::Identity;
use aiomsg::stats::PeerStats;

use super::history::rate;
use super::query::{Query, Rated};
use super::status::{Peer, Sided};
use crate::common::identity;
use crate::proxy::side::Side;

/// The peers of a side at the last look.
#[derive(Debug, Default)]
pub(super) struct Peers {
    all: Vec<Rated>,
}

impl Peers {
    /// Notes the peers as they are now.
    pub(super) fn note(&mut self, now: Vec<PeerStats>, took: Duration) {
        let totals = self
            .all
            .drain(..)
            .map(|(_, it)| (it.peer.identity.clone(), total(&it)));
        let before: HashMap<Identity, u64> = totals.collect();
        let rated = now.into_iter().map(|stats| {
            let total = total(&stats);
            // One that has just come has done all of it in this step.
            let before = before.get(&stats.peer.identity).copied();
            (rate(before.unwrap_or(0).min(total), total, took), stats)
        });
        self.all = rated.collect();
    }

    /// Those that are asked for, and how many there are of them in all.
    pub(super) fn page(&self, query: &Query) -> (usize, Vec<Peer>) {
        let (count, page) = query.pick(self.all.iter().map(|it| ("", it)));
        (
            count,
            page.into_iter()
                .map(|(_, (rate, stats))| show(*rate, stats))
                .collect(),
        )
    }
}

/// A page of the peers of several sides.
pub(super) fn page(sides: &[(&Side, &Peers)], query: &Query) -> (usize, Vec<Sided>) {
    let all = sides
        .iter()
        .flat_map(|(side, peers)| peers.all.iter().map(|it| (side.name, it)));
    let (total, page) = query.pick(all);
    let show = |(side, (rate, stats)): (&'static str, &Rated)| Sided {
        side,
        peer: show(*rate, stats),
    };
    (total, page.into_iter().map(show).collect())
}

/// Its messages in both directions.
pub(super) fn total(stats: &PeerStats) -> u64 {
    stats.sent_messages + stats.received_messages
}

fn show(rate: f64, stats: &PeerStats) -> Peer {
    let peer = &stats.peer;
    Peer {
        identity: identity::show(&peer.identity),
        address: peer.remote.to_string(),
        endpoint: peer.endpoint.to_string(),
        dialect: peer.dialect.to_string(),
        tls: peer.tls.is_some(),
        dialled: peer.dialled,
        connected_seconds: stats.connected_for.as_secs(),
        queued_messages: stats.queued_messages,
        queued_bytes: stats.queued_bytes,
        received_messages: stats.received_messages,
        sent_messages: stats.sent_messages,
        rate,
    }
}
