use std::mem::replace;

use aiomsg_core::Identity;

use crate::route::PeerSet;

/// Where the peers of connections stand in the set of peers.
///
/// What is noted here may be out of date: it is looked at whether the peer stands
/// there still. So neither a subscription nor a peer that comes or goes costs
/// anything here, and a message no look-up by identity for most who want it.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By the number of the connection.
    positions: Vec<usize>,
    /// By position: the last message for which it was found.
    given: Vec<u64>,
    /// The number of this message.
    message: u64,
}

impl Places {
    /// Begins with another message.
    pub(super) fn begin<P>(&mut self, peers: &PeerSet<P>) {
        self.message += 1;
        if self.given.len() < peers.len() {
            self.given.resize(peers.len(), 0);
        }
    }

    /// The position of a connection's peer, unless it was found for this message
    /// already: it may have asked twice for what the message begins with.
    pub(super) fn first_time<P>(
        &mut self,
        number: usize,
        identity: &Identity,
        peers: &PeerSet<P>,
    ) -> Option<usize> {
        let noted = self.positions.get(number).copied();
        let position = match noted.filter(|&position| peers.identity(position) == Some(identity)) {
            Some(position) => position,
            None => self.look(number, identity, peers)?,
        };
        let last = replace(self.given.get_mut(position)?, self.message);
        (last != self.message).then_some(position)
    }

    fn look<P>(&mut self, number: usize, identity: &Identity, peers: &PeerSet<P>) -> Option<usize> {
        let position = peers.position(identity)?;
        if self.positions.len() <= number {
            self.positions.resize(number + 1, 0);
        }
        self.positions[number] = position;
        Some(position)
    }
}
