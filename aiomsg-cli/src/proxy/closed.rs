//! Connections that have ended.

use std::collections::VecDeque;

use aiomsg::Event;
use tokio::time::Instant;

use super::observe::status::Closed;
use crate::common::identity;
use crate::common::said::said;

/// So many are remembered, the last ones.
const MOST: usize = 256;

/// The longest reason, in characters.
const REASON: usize = 512;

/// The connections of one side that have ended last.
#[derive(Debug, Default)]
pub(super) struct ClosedConnections(VecDeque<(Instant, Closed)>);

impl ClosedConnections {
    pub(super) fn note(&mut self, side: &str, event: &Event) {
        let Event::PeerDown { peer, reason } = event else {
            return;
        };
        let reason = said(&**reason).to_string();
        let reason = reason.chars().take(REASON).collect();
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        let closed = Closed {
            side: side.to_owned(),
            identity: identity::show(&peer.identity),
            address: peer.remote.to_string(),
            endpoint: peer.endpoint.to_string(),
            reason,
            seconds_ago: 0,
        };
        self.0.push_back((Instant::now(), closed));
    }

    /// The last one first.
    pub(super) fn recent(&self) -> Vec<Closed> {
        let ago = |(at, closed): &(Instant, Closed)| Closed {
            seconds_ago: at.elapsed().as_secs(),
            ..closed.clone()
        };
        self.0.iter().rev().map(ago).collect()
    }
}
