use std::collections::VecDeque;

use aiomsg_core::{Discard, DropReason, Outbound, Target};

use crate::queue::Peer;

/// In the middle of a message this many connections end before it is dropped.
const TRIES: u8 = 3;

/// What a connection had not sent when it ended.
pub(super) struct Left {
    /// What is for anyone, in its order: it goes to another peer, before anything new.
    pub(super) anyone: VecDeque<Outbound>,
    /// What is addressed to this peer, and copies of what was published, in their order.
    pub(super) own: VecDeque<Outbound>,
    /// The first of them all is one at which connections end. What is behind it is not to go
    /// with it.
    pub(super) behind: bool,
}

/// Takes back what a connection had not sent.
pub(super) fn take_back(peer: &mut impl Peer, discard: &Discard) -> Left {
    let mut all = peer.reclaim();
    let behind = all.front().is_some_and(|first| first.interrupted() > 0);
    if let Some(poison) = all.pop_front_if(|first| first.interrupted() >= TRIES) {
        discard.message(poison, DropReason::Poison);
    }
    let mut left = Left {
        anyone: VecDeque::new(),
        own: VecDeque::new(),
        behind,
    };
    for message in all {
        match message.target() {
            Target::Peer(_) | Target::Copy => left.own.push_back(message),
            _ => left.anyone.push_back(message),
        }
    }
    left
}

/// Nobody is there to keep or to send these.
pub(super) fn drop_all(messages: VecDeque<Outbound>, discard: &Discard) {
    for message in messages {
        discard.message(message, DropReason::PeerGone);
    }
}
