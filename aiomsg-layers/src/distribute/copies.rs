use aiomsg_core::{Discard, DropReason, Outbound, Target};

use super::PeerSet;
use crate::Overflow;
use crate::overflow::{FullQueue, Verdict};
use crate::queue::{Offered, Peer};
use crate::shared::bell::Bell;

/// Gives several peers a copy of a message each.
pub(super) struct Copier<'a, P> {
    pub(super) peers: &'a mut PeerSet<P>,
    pub(super) discard: &'a Discard,
    pub(super) bell: &'a Bell,
    pub(super) rule: Overflow,
}

/// The peers that get a copy.
pub(super) enum Targets<'a> {
    All,
    These(&'a [usize]),
}

/// The outcome.
pub(super) enum Copied {
    /// Some have taken it, or it must not wait for those without room.
    Taken,
    /// None has it, because some have no room.
    Full,
    /// None has it: the connections of all of them have ended.
    Gone(Vec<usize>),
    /// None has it: those without room were disconnected.
    Disconnected(Vec<usize>),
}

impl Targets<'_> {
    fn len<P>(&self, peers: &PeerSet<P>) -> usize {
        match self {
            Self::All => peers.len(),
            Self::These(positions) => positions.len(),
        }
    }

    fn at(&self, n: usize) -> usize {
        match self {
            Self::All => n,
            Self::These(positions) => positions[n],
        }
    }
}

impl<P: Peer> Copier<'_, P> {
    pub(super) fn copy(mut self, targets: &Targets<'_>, message: &Outbound) -> Copied {
        if !self.peers.all_have_room()
            && let Some(copied) = self.make_room(targets, message)
        {
            return copied;
        }
        let refuses = self.rule == Overflow::RefuseNewest;
        let mut copy = Some(message.clone().with_target(Target::Copy));
        let (mut taken, mut closed) = (0, Vec::new());
        for n in 0..targets.len(self.peers) {
            let at = targets.at(n);
            let full = !self.peers.has_room(at);
            let Some(peer) = self.peers.peer_mut(at) else {
                continue;
            };
            if full && refuses {
                // The message was dropped already.
                taken += 1;
                continue;
            }
            let mut slot = copy.clone();
            match peer.offer(&mut slot) {
                Offered::Room => taken += 1,
                Offered::Filled => {
                    taken += 1;
                    self.peers.look_at(at, &mut self.bell.context());
                }
                Offered::Full => {
                    // Another has used its room just now: the bound is exceeded by this one.
                    let pushed = slot.is_none_or(|copy| peer.push(copy).is_ok());
                    taken += usize::from(pushed);
                    self.peers.look_at(at, &mut self.bell.context());
                }
                // It gets none, as if the message had come a moment later.
                Offered::Closed => closed.push(at),
            }
        }
        copy.take();
        match taken {
            0 => Copied::Gone(sorted(closed)),
            _ => Copied::Taken,
        }
    }

    /// Applies the overflow rule to each peer without room. Returns `None` if there is room by
    /// now.
    #[cold]
    fn make_room(&mut self, targets: &Targets<'_>, message: &Outbound) -> Option<Copied> {
        let mut gone = Vec::new();
        if self.rule == Overflow::Disconnect && self.any_may_free_itself(targets) {
            return Some(Copied::Full);
        }
        for n in 0..targets.len(self.peers) {
            let at = targets.at(n);
            if self.peers.has_room(at) {
                continue;
            }
            let discard = self.discard;
            let Some(peer) = self.peers.peer_mut(at) else {
                continue;
            };
            match self.rule.make_room(&mut FullQueue { peer, discard }) {
                Verdict::Fits => {}
                Verdict::Waits => return Some(Copied::Full),
                Verdict::Refused => {
                    let copy = message.clone().with_target(Target::Copy);
                    discard.message(copy, DropReason::Overflow);
                }
                Verdict::Disconnected => gone.push(at),
            }
        }
        match gone.is_empty() {
            true => None,
            false => Some(Copied::Disconnected(sorted(gone))),
        }
    }

    /// Whether a full peer may get room by itself, because its session has not had its turn.
    fn any_may_free_itself(&self, targets: &Targets<'_>) -> bool {
        let mut all = (0..targets.len(self.peers)).map(|n| targets.at(n));
        all.any(|at| {
            let stuck = self.peers.peer(at).is_none_or(Peer::is_stuck);
            !self.peers.has_room(at) && !stuck
        })
    }
}

fn sorted(mut positions: Vec<usize>) -> Vec<usize> {
    positions.sort_unstable();
    positions
}
