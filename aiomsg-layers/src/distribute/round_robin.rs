use aiomsg_core::Outbound;

use super::{PeerSet, Pick, Policy};

/// One peer after the other. A peer with a full queue is skipped.
#[derive(Debug, Clone, Default)]
pub struct RoundRobin {
    /// The peer whose turn it is.
    next: usize,
}

impl RoundRobin {
    /// Begins with the first peer.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<P> Policy<P> for RoundRobin {
    #[inline]
    fn pick(&mut self, peers: &PeerSet<P>, _: &Outbound) -> Pick<'_> {
        let turn = match self.next < peers.len() {
            true => self.next,
            false => 0,
        };
        let at = match peers.has_room(turn) {
            true => turn,
            false => after(peers, turn),
        };
        self.next = at + 1;
        Pick::One(at)
    }
}

/// The next peer with room. If no peer has room, the overflow rule applies to the one whose turn
/// it is.
#[cold]
fn after<P>(peers: &PeerSet<P>, turn: usize) -> usize {
    let mut all = (turn..peers.len()).chain(0..turn);
    all.find(|at| peers.has_room(*at)).unwrap_or(turn)
}
