use std::mem::replace;

use aiomsg_core::Identity;

use crate::distribute::PeerSet;

/// The positions of the connections' peers in the set of peers.
///
/// A note may be out of date. It is then looked up again, only for the subscribers of a
/// message. So subscriptions, and peers that come or go, cost nothing here.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By the number of the connection.
    noted: Vec<Noted>,
    /// By position: the last message for which the peer there was found.
    last: Vec<u64>,
    /// The number of this message.
    message: u64,
    /// Changes whenever the numbers of connections may stand for others.
    version: u64,
    /// Changes whenever positions may stand for others.
    moves: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Noted {
    version: u64,
    moves: u64,
    position: usize,
}

impl Places {
    /// Peers have come or gone.
    pub(super) fn moved(&mut self) {
        self.moves += 1;
    }

    /// Begins with another message. This is the version of the table.
    pub(super) fn begin<P>(&mut self, version: u64, peers: &PeerSet<P>) {
        self.message += 1;
        self.version = version;
        self.last.resize(peers.len().max(self.last.len()), 0);
    }

    /// The position of a connection's peer, unless it was found for this message already: a
    /// peer may have two subscriptions to prefixes of the message.
    pub(super) fn first_time<'a, P>(
        &mut self,
        number: usize,
        peers: &PeerSet<P>,
        identity: impl FnOnce() -> Option<&'a Identity>,
    ) -> Option<usize> {
        let noted = self.noted.get(number).copied().unwrap_or_default();
        let holds = noted.version == self.version && noted.moves == self.moves;
        // A table with subscriptions never has version 0.
        let position = match holds && noted.version > 0 {
            true => noted.position,
            false => self.look(number, noted.position, peers, identity()?)?,
        };
        let last = replace(self.last.get_mut(position)?, self.message);
        (last != self.message).then_some(position)
    }

    /// Looks up the position of a peer, which is mostly unchanged.
    fn look<P>(
        &mut self,
        number: usize,
        before: usize,
        peers: &PeerSet<P>,
        identity: &Identity,
    ) -> Option<usize> {
        let position = match peers.identity(before) == Some(identity) {
            true => before,
            false => peers.position(identity)?,
        };
        if self.noted.len() <= number {
            self.noted.resize(number + 1, Noted::default());
        }
        self.noted[number] = Noted {
            version: self.version,
            moves: self.moves,
            position,
        };
        Some(position)
    }
}
