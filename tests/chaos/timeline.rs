//! When connections were touched, and when sockets saw that they had ended.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::ledger::Party;
use crate::world::lock;

#[derive(Default)]
pub(crate) struct Timeline(Mutex<State>);

#[derive(Default)]
struct State {
    downs: Vec<Down>,
    /// Hosts that ended, and whether all that was theirs was dealt with.
    ends: Vec<End>,
    /// Who has let a connection of whom not in, and when.
    refusals: Vec<(usize, usize, Instant)>,
}

/// A socket has seen the end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Down {
    pub(crate) at: Instant,
    pub(crate) by: Party,
    pub(crate) peer: usize,
    /// It took the peer for dead.
    pub(crate) timeout: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    pub(crate) party: Party,
    pub(crate) began: Instant,
    pub(crate) over: Instant,
    pub(crate) killed: bool,
    /// It was killed, or its deadline had passed.
    pub(crate) abrupt: bool,
}

/// A socket that takes its peer for dead ends the connection before it tells of it.
const BEFORE_IT_IS_TOLD: Duration = Duration::from_secs(1);

/// Two connections of the same hosts may end one after the other.
const NEXT: Duration = Duration::from_millis(500);

impl Timeline {
    pub(crate) fn down(&self, down: Down) {
        lock(&self.0).downs.push(down);
    }

    pub(crate) fn ended(&self, end: End) {
        lock(&self.0).ends.push(end);
    }

    /// A host has not let a peer in, as another connection has its identity.
    ///
    /// One that was told who the host is may have sent something by then: a host that
    /// comes back while what its former life has sent is still arriving.
    pub(crate) fn refused(&self, host: usize, peer: usize) {
        lock(&self.0).refusals.push((host, peer, Instant::now()));
    }

    /// Whether a host has ever refused this peer.
    pub(crate) fn has_refused(&self, host: usize, peer: usize) -> bool {
        let state = lock(&self.0);
        let mut refusals = state.refusals.iter();
        refusals.any(|(by, whom, _)| (*by, *whom) == (host, peer))
    }

    pub(crate) fn ends(&self) -> Vec<End> {
        lock(&self.0).ends.clone()
    }

    /// Until when what `sender` has sent to `peer` may have been on its way as
    /// something befell the connection: what was sent later has no excuse.
    pub(crate) fn excused_until(
        &self,
        sender: Party,
        peer: usize,
        touched: &[Instant],
    ) -> Option<Instant> {
        let state = lock(&self.0);
        let at_peer =
            |down: &&Down| down.timeout && (down.by.host, down.peer) == (peer, sender.host);
        let at_peer = state.downs.iter().filter(at_peer);
        let at_peer = at_peer.map(|down| down.at - BEFORE_IT_IS_TOLD);
        let ends = state.ends.iter();
        let ends = ends.filter(|it| it.abrupt && it.party.host == peer);
        let refusals = state.refusals.iter();
        let refusals = refusals.filter(|(by, whom, _)| (*by, *whom) == (peer, sender.host));
        let refusals = refusals.map(|(_, _, at)| *at - BEFORE_IT_IS_TOLD);
        let causes = touched.iter().copied().chain(refusals);
        let causes = causes.chain(at_peer).chain(ends.map(|end| end.began));

        let seen: Vec<_> = state
            .downs
            .iter()
            .filter(|down| down.by == sender && down.peer == peer)
            .collect();
        let own_end = state.ends.iter().find(|end| end.party == sender);
        let seen_after = |cause: Instant| {
            let first = seen.iter().find(|down| down.at >= cause);
            let next = seen
                .iter()
                .rfind(|down| down.at >= cause && down.at <= cause + NEXT);
            let seen = first.into_iter().chain(next).map(|down| down.at).max();
            seen.or_else(|| own_end.map(|end| end.over).filter(|over| *over >= cause))
        };
        let own = seen.iter().filter(|down| down.timeout).map(|down| down.at);
        causes.filter_map(seen_after).chain(own).max()
    }
}
