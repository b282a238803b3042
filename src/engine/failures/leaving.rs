//! Peers that leave half-way through their handshake.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aiomsg_core::Endpoint;
use aiomsg_core::sync::Mutex;
use tokio::time::Instant;

use super::PATIENCE;

/// The time without any after which the next one is the first again: longer than the usual
/// delay of a dial that fails again and again.
const APART: Duration = Duration::from_secs(45);

/// Since when peers have left half-way, by endpoint.
///
/// A look at who listens ends so, and a peer that has refused us reports it at its own end. One
/// that tries for ever may have no log of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaving(Arc<Mutex<HashMap<Endpoint, Streak>>>);

#[derive(Debug, Clone, Copy)]
struct Streak {
    since: Instant,
    last: Instant,
}

impl Leaving {
    /// Notes one, and returns whether they have gone on for so long that it is worth a warning.
    pub(super) fn note(&self, endpoint: &Endpoint) -> bool {
        let now = Instant::now();
        let mut streaks = self.0.lock();
        // As large as the number of endpoints where that happens.
        streaks.retain(|_, it| now - it.last < APART);
        let new = Streak {
            since: now,
            last: now,
        };
        let streak = streaks.entry(endpoint.clone()).or_insert(new);
        streak.last = now;
        now - streak.since >= PATIENCE
    }
}
