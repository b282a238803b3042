use std::collections::HashMap;
use std::time::Duration;

use aiomsg_core::{Identity, Limits, MessageId, Outbound, Weight};
use slab::Slab;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::shared::{Names, share};

/// The counts of a peer without addressed messages.
const NONE: Limits = Limits { items: 0, bytes: 0 };

/// The unacknowledged messages, each with its sends so far.
#[derive(Debug)]
pub(super) struct Entries {
    names: Names,
    next: u64,
    slab: Slab<Entry>,
    /// The place of the message that came last.
    last: usize,
    /// The places of the messages that came with an id, which tells no place.
    kept: HashMap<MessageId, usize>,
    bytes: usize,
    /// The share of each peer with addressed messages.
    addressed: HashMap<Identity, Limits>,
}

/// A message that was unacknowledged at the close.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unacknowledged {
    /// The message.
    pub message: Outbound,
    /// Whether it had been sent, and so may have arrived. A message that waits for its resend
    /// in a queue or a buffer counts as unsent.
    pub sent: bool,
}

/// An empty table keeps room for this many.
const IDLE_CAPACITY: usize = 1024;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: Outbound,
    /// Its number among all messages.
    pub(super) order: u64,
    /// How often it has left.
    pub(super) sends: u32,
    /// When it first left.
    pub(super) left: Option<Instant>,
    /// The connections on which it has left, the last one first. Earlier ones are forgotten.
    by: [u64; 2],
    /// Its place among the messages of that connection.
    pub(super) place: u64,
    /// Where the next message probably is: the one that left after this one or, until then, the
    /// one that came after it.
    pub(super) behind: usize,
    /// The time of its resend, unless it is on its way to a connection.
    pub(super) due: Option<Instant>,
    /// The earliest resend after the next end of a connection; at once if none has ended so
    /// far.
    paced: Option<Instant>,
    /// How many connections in a row have ended while it was on its way.
    pub(super) lost: u32,
    /// Set when it is sent again with care, and counted there.
    pub(super) suspect: bool,
    /// Whether its peer has acknowledged messages that left later.
    pub(super) passed_over: bool,
    /// The sender that waits for its acknowledgement, if there is one.
    pub(super) waiter: Option<Waiter>,
}

/// Hears that its message is acknowledged or dropped.
pub(super) type Waiter = oneshot::Sender<Result<(), super::unacked::GivenUp>>;

impl Entries {
    pub(super) fn new() -> Self {
        Self {
            names: Names::new(),
            next: 0,
            slab: Slab::new(),
            last: 0,
            kept: HashMap::new(),
            bytes: 0,
            addressed: HashMap::new(),
        }
    }

    /// Keeps a copy of a message, and gives it its id. A message that has one keeps it, unless
    /// another one here has it.
    pub(super) fn insert(&mut self, message: &mut Outbound, waiter: Option<Waiter>) -> MessageId {
        let own = message.id().filter(|own| self.find(*own).is_none());
        let vacant = self.slab.vacant_entry();
        let id = match own {
            Some(own) => {
                self.kept.insert(own, vacant.key());
                own
            }
            None => self.names.next(vacant.key()),
        };
        message.set_id(Some(id));
        let weight = message.weight();
        self.bytes += weight;
        if let Some(peer) = message.peer() {
            let own = match self.addressed.get_mut(peer) {
                Some(own) => own,
                None => self.addressed.entry(peer.clone()).or_insert(NONE),
            };
            own.items += 1;
            own.bytes += weight;
        }
        let at = vacant.key();
        vacant.insert(Entry {
            message: message.clone(),
            order: self.next,
            sends: 0,
            left: None,
            by: [NO_CONNECTION; 2],
            place: 0,
            behind: at,
            due: None,
            paced: None,
            lost: 0,
            suspect: false,
            passed_over: false,
            waiter,
        });
        let last = std::mem::replace(&mut self.last, at);
        self.put_behind(last, at);
        self.next += 1;
        id
    }

    /// Notes that the message in one place probably leaves after the one in another.
    #[inline]
    pub(super) fn put_behind(&mut self, last: usize, at: usize) {
        if let Some(last) = self.slab.get_mut(last) {
            last.behind = at;
        }
    }

    /// The place behind another one, where the next message probably is.
    #[inline]
    pub(super) fn behind(&self, at: usize) -> usize {
        self.slab.get(at).map_or(at, |entry| entry.behind)
    }

    /// The message of this id, and its place.
    #[inline]
    pub(super) fn find(&self, id: MessageId) -> Option<(usize, &Entry)> {
        let at = self.names.place(id) as usize;
        // Another message may have had the place before.
        match self.slab.get(at) {
            Some(entry) if entry.message.id() == Some(id) => Some((at, entry)),
            _ => self.find_kept(id),
        }
    }

    /// The same, for a message that is probably in this place: to compare two ids costs less
    /// than to find the place in one.
    #[inline]
    pub(super) fn find_near(&self, id: MessageId, near: usize) -> Option<(usize, &Entry)> {
        match self.slab.get(near) {
            Some(entry) if entry.message.id() == Some(id) => Some((near, entry)),
            _ => self.find(id),
        }
    }

    fn find_kept(&self, id: MessageId) -> Option<(usize, &Entry)> {
        if self.kept.is_empty() {
            return None;
        }
        let at = *self.kept.get(&id)?;
        self.slab.get(at).map(|entry| (at, entry))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        let (at, _) = self.find(id)?;
        self.slab.get_mut(at)
    }

    #[inline]
    pub(super) fn at_mut(&mut self, at: usize) -> Option<&mut Entry> {
        self.slab.get_mut(at)
    }

    #[cfg(test)]
    pub(super) fn remove(&mut self, id: MessageId) -> Option<Entry> {
        let (at, _) = self.find(id)?;
        self.take_at(at)
    }

    /// Removes the message at a place. What it counts for is noted before that, where the
    /// message is: it is then moved but once.
    #[inline]
    pub(super) fn take_at(&mut self, at: usize) -> Option<Entry> {
        let message = &self.slab.get(at)?.message;
        if !self.kept.is_empty()
            && let Some(id) = message.id()
        {
            self.kept.remove(&id);
        }
        let weight = message.weight();
        self.bytes -= weight;
        if let Some(peer) = message.peer()
            && let Some(own) = self.addressed.get_mut(peer)
        {
            own.items -= 1;
            own.bytes -= weight;
            if own.items == 0 {
                self.addressed.remove(peer);
            }
        }
        self.slab.try_remove(at)
    }

    /// Whether there is room for one more message for this peer, or for anyone.
    pub(super) fn have_room(&self, limits: &Limits, peer: Option<&Identity>) -> bool {
        let Some(peer) = peer else {
            return limits.admit(self.slab.len(), self.bytes);
        };
        let used = Limits {
            items: self.slab.len(),
            bytes: self.bytes,
        };
        let own = self.addressed.get(peer).copied();
        share::admits(limits, used, own.unwrap_or(NONE))
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.slab.iter().map(|(_, entry)| entry)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.slab.iter_mut().map(|(_, entry)| entry)
    }

    /// Takes all messages out, the oldest first.
    pub(super) fn take(&mut self) -> Vec<Unacknowledged> {
        self.bytes = 0;
        self.kept.clear();
        self.addressed.clear();
        let entries = std::mem::take(&mut self.slab).into_iter();
        let mut entries: Vec<_> = entries.map(|(_, entry)| entry).collect();
        entries.sort_unstable_by_key(|entry| entry.order);
        let entries = entries.into_iter();
        let unacknowledged = entries.map(|entry| Unacknowledged {
            sent: entry.sends > 0,
            message: entry.message,
        });
        unacknowledged.collect()
    }

    /// Frees the memory of a burst that is over.
    pub(super) fn shrink(&mut self) {
        if self.slab.is_empty() && self.slab.capacity() > IDLE_CAPACITY {
            self.slab = Slab::new();
            self.kept = HashMap::new();
        }
    }
}

impl Entry {
    /// The last connection on which it has left.
    pub(super) fn connection(&self) -> u64 {
        self.by[0]
    }

    /// Whether it has left on this connection, so that the peer may acknowledge it.
    #[inline]
    pub(super) fn has_left_by(&self, connection: u64) -> bool {
        self.by.contains(&connection)
    }

    /// Notes that it leaves now, as the `place`th message of this connection.
    #[inline]
    pub(super) fn leave(&mut self, connection: u64, place: u64, now: Instant, due: Instant) {
        self.sends = self.sends.saturating_add(1);
        self.left = self.left.or(Some(now));
        if self.by[0] != connection {
            self.by = [connection, self.by[0]];
            // Of several sends, the first is acknowledged first.
            self.place = place;
        }
        self.passed_over = false;
        self.due = Some(due);
    }

    /// Notes that its connection has ended: it is due now or, if that has happened within
    /// `pace` already, after that.
    pub(super) fn lose(&mut self, connection: u64, now: Instant, pace: Duration) -> bool {
        let Some(due) = self.due else {
            return false;
        };
        if self.by[0] != connection {
            return false;
        }
        let at = self.paced.map_or(now, |paced| paced.max(now));
        self.paced = Some(at + pace);
        self.due = Some(at.min(due));
        self.lost = self.lost.saturating_add(1);
        true
    }
}

/// A number that no connection has.
const NO_CONNECTION: u64 = u64::MAX;

#[cfg(test)]
mod tests;
