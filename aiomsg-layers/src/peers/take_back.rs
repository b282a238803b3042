use std::collections::VecDeque;

use aiomsg_core::{Discard, DropReason, Outbound, Target};

use crate::queue::Peer;

/// The number of connections that end in the middle of a message before it is dropped.
const TRIES: u8 = 3;

/// The unsent messages of a connection that has ended.
pub(super) struct Left {
    /// Messages for anyone, in their order. They go to other peers, before anything new.
    pub(super) anyone: VecDeque<Outbound>,
    /// Messages that are addressed to this peer, and copies of published ones, in their order.
    pub(super) own: VecDeque<Outbound>,
    /// Whether the first of them all is one at which connections end. Those behind it must not
    /// go with it.
    pub(super) behind: bool,
}

/// Takes back the unsent messages of a connection.
pub(super) fn take_back(peer: &mut impl Peer, discard: &Discard) -> Left {
    let mut all = peer.reclaim();
    let behind = all.front().is_some_and(|first| first.interrupted() > 0);
    if all
        .front()
        .is_some_and(|first| first.interrupted() >= TRIES)
        && let Some(poison) = all.pop_front()
    {
        discard.message(poison, DropReason::Poison);
    }
    let mut left = Left {
        anyone: VecDeque::new(),
        own: VecDeque::new(),
        behind,
    };
    for message in all {
        match is_for_anyone(&message) {
            true => left.anyone.push_back(message),
            false => left.own.push_back(message),
        }
    }
    left
}

/// Whether another peer may have the message.
pub(super) fn is_for_anyone(message: &Outbound) -> bool {
    !matches!(message.target(), Target::Peer(_) | Target::Copy)
}

/// Drops messages that no service keeps or sends.
pub(super) fn drop_all(messages: VecDeque<Outbound>, discard: &Discard) {
    for message in messages {
        discard.message(message, DropReason::PeerGone);
    }
}
