//! The peers of a side, the busiest first.

use std::collections::HashMap;
use std::time::Duration;

use aiomsg::stats::PeerStats;
use aiomsg::{Identity, Socket};

use super::history::rate;
use super::status::Peer;
use crate::common::identity;

/// The number of peers shown; the others are counted.
const SHOWN: usize = 50;

/// The totals of each peer at the last look.
#[derive(Debug, Default)]
pub(super) struct Peers(HashMap<Identity, u64>);

impl Peers {
    /// The peers of a socket, of which the first are shown.
    pub(super) fn look(&mut self, socket: &Socket, took: Duration) -> (usize, Vec<Peer>) {
        let mut peers: Vec<(f64, PeerStats)> = Vec::new();
        let mut totals = HashMap::new();
        for stats in socket.peer_stats() {
            let total = stats.sent_messages + stats.received_messages;
            // One that has just come has done all of it in this step.
            let before = self.0.get(&stats.peer.identity).copied();
            let before = before.unwrap_or(0).min(total);
            totals.insert(stats.peer.identity.clone(), total);
            peers.push((rate(before, total, took), stats));
        }
        self.0 = totals;
        let count = peers.len();
        let order = |(rate, stats): &(f64, PeerStats)| {
            let busy = (stats.queued_messages, *rate as u64);
            (std::cmp::Reverse(busy), stats.peer.identity.clone())
        };
        if count > SHOWN {
            peers.select_nth_unstable_by_key(SHOWN, order);
            peers.truncate(SHOWN);
        }
        peers.sort_by_key(order);
        (
            count,
            peers
                .iter()
                .map(|(rate, stats)| show(*rate, stats))
                .collect(),
        )
    }
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
