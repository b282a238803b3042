use std::mem::replace;

use aiomsg_core::Identity;

use crate::distribute::PeerSet;

/// Where the peers of connections stand in the set of peers.
///
/// What is noted may be out of date, and is then looked up again for those who want
/// a message. So neither a subscription nor a peer that comes or goes costs
/// anything here.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By the number of the connection.
    noted: Vec<Noted>,
    /// By position, the last message for which the peer there was found.
    last: Vec<u64>,
    /// The number of this message.
    message: u64,
    /// Another one whenever the numbers of connections may stand for others.
    version: u64,
    /// Another one whenever positions may stand for others.
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

    /// The position of a connection's peer, unless it was found for this message
    /// already: it may have asked twice for what the message begins with.
    pub(super) fn first_time<'a, P>(
        &mut self,
        number: usize,
        peers: &PeerSet<P>,
        identity: impl FnOnce() -> Option<&'a Identity>,
    ) -> Option<usize> {
        let noted = self.noted.get(number).copied().unwrap_or_default();
        let holds = noted.version == self.version && noted.moves == self.moves;
        // Nothing has version 0 that somebody wants.
        let position = match holds && noted.version > 0 {
            true => noted.position,
            false => self.look(number, noted.position, peers, identity()?)?,
        };
        let last = replace(self.last.get_mut(position)?, self.message);
        (last != self.message).then_some(position)
    }

    /// Looks where a peer stands: mostly where it has stood.
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
