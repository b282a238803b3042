//! Replies that wait for room at their peers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use aiomsg_core::sync::{Mutex, MutexGuard};
use aiomsg_core::{Delivery, Identity};
use tokio::sync::Notify;

use crate::engine::holds::{Held, Hold};

/// The number of waiting replies at which no more messages of their peer are handled.
const MOST: usize = 16;

/// The number of replies that wait for each peer. They do not count among the messages
/// handled at once: a peer that reads no replies holds up no other.
#[derive(Debug, Clone, Default)]
pub(super) struct Replies(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    all: usize,
    of: HashMap<Identity, usize>,
}

impl Replies {
    /// The number of waiting replies.
    pub(super) fn len(&self) -> usize {
        self.lock().all
    }

    /// Whether so many wait for a peer that none of its messages may be handled.
    pub(super) fn are_many(&self, peer: &Identity) -> bool {
        self.lock().of.get(peer).is_some_and(|&own| own >= MOST)
    }

    /// Counts a waiting reply until the returned value is dropped.
    pub(super) fn wait_for(&self, peer: &Identity) -> Wait {
        let mut waiting = self.lock();
        waiting.all += 1;
        *waiting.of.entry(peer.clone()).or_default() += 1;
        drop(waiting);
        self.0.more.notify_one();
        Wait {
            replies: self.clone(),
            peer: peer.clone(),
        }
    }

    /// Ready when one more waits than before.
    pub(super) async fn more(&self) {
        self.0.more.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock()
    }
}

/// A waiting reply.
pub(super) struct Wait {
    replies: Replies,
    peer: Identity,
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut waiting = self.replies.lock();
        waiting.all -= 1;
        if let Some(own) = waiting.of.get_mut(&self.peer) {
            *own -= 1;
            if *own == 0 {
                waiting.of.remove(&self.peer);
            }
        }
    }
}

/// Messages of peers that read no replies, handled when they do. These peers are not read
/// meanwhile, so there are no more messages than the inbox had.
#[derive(Debug, Default)]
pub(super) struct Parked {
    /// In order, so that the next one does not depend on chance.
    of: Vec<(Identity, Messages)>,
}

#[derive(Debug)]
struct Messages {
    messages: VecDeque<Delivery>,
    _held: Held,
}

impl Parked {
    /// Whether messages of this peer are here, so that its next one must wait behind them.
    pub(super) fn has(&self, peer: &Identity) -> bool {
        self.of.iter().any(|(it, _)| it == peer)
    }

    /// Keeps a message, and holds its peer back.
    pub(super) fn keep(&mut self, message: Delivery, hold: impl FnOnce(&Identity) -> Hold) {
        let place = self.of.iter_mut().find(|(it, _)| it == message.from());
        if let Some((_, there)) = place {
            there.messages.push_back(message);
            return;
        }
        let peer = message.from().clone();
        let there = Messages {
            _held: hold(&peer).begin(),
            messages: VecDeque::from([message]),
        };
        self.of.push((peer, there));
    }

    /// Returns the next message whose peer has read replies meanwhile.
    pub(super) fn next(&mut self, replies: &Replies) -> Option<Delivery> {
        let place = self.of.iter().position(|(it, _)| !replies.are_many(it))?;
        // Peers take turns.
        let (peer, mut there) = self.of.remove(place);
        let next = there.messages.pop_front();
        if !there.messages.is_empty() {
            self.of.push((peer, there));
        }
        next
    }

    /// Takes all messages.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Delivery> {
        let all = std::mem::take(&mut self.of).into_iter();
        all.flat_map(|(_, there)| there.messages)
    }
}
