use std::time::Duration;

use aiomsg_core::queue::Weight;
use aiomsg_core::{MessageId, MessageIds, Outbound};
use slab::Slab;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The messages that wait for acknowledgements, each with what is known of its
/// sends.
///
/// An id holds the place of its entry, so that none is searched for: 6 random
/// bytes, drawn once, that keep two sockets and two runs of one program apart; a
/// counter of 6 bytes; the place, 4 bytes. Their order is that in which the
/// messages came.
#[derive(Debug)]
pub(super) struct Entries {
    salt: [u8; SALT],
    next: u64,
    slab: Slab<Entry>,
    bytes: usize,
}

const SALT: usize = 6;
const COUNTER: usize = 6;

/// An empty table keeps room for as many.
const IDLE_CAPACITY: usize = 1024;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: Outbound,
    /// How often it has left.
    pub(super) sends: u32,
    /// By which connection it left last, and when it is to be sent again,
    /// unless it is on its way to one.
    pub(super) left: Option<(u64, Instant)>,
    /// When the end of a connection may have it sent again next; at once, if no
    /// connection has ended under it so far.
    paced: Option<Instant>,
    /// Who waits for its acknowledgement, if somebody does.
    pub(super) waiter: Option<Waiter>,
}

/// Hears that its message is acknowledged, or that it is given up.
pub(super) type Waiter = oneshot::Sender<Result<(), Outbound>>;

impl Entries {
    pub(super) fn new() -> Self {
        let random = MessageIds::new().next_id();
        let mut salt = [0; SALT];
        salt.copy_from_slice(&random.as_bytes()[..SALT]);
        Self {
            salt,
            next: 0,
            slab: Slab::new(),
            bytes: 0,
        }
    }

    /// Keeps a copy of a message, and gives it its id.
    pub(super) fn insert(&mut self, message: &mut Outbound, waiter: Option<Waiter>) -> MessageId {
        let place = self.slab.vacant_entry();
        let mut id = [0; MessageId::LEN];
        id[..SALT].copy_from_slice(&self.salt);
        id[SALT..SALT + COUNTER].copy_from_slice(&self.next.to_be_bytes()[2..]);
        id[SALT + COUNTER..].copy_from_slice(&(place.key() as u32).to_be_bytes());
        self.next = self.next.wrapping_add(1);
        let id = MessageId::from_bytes(id);
        message.set_id(Some(id));
        self.bytes += message.weight();
        place.insert(Entry {
            message: message.clone(),
            sends: 0,
            left: None,
            paced: None,
            waiter,
        });
        id
    }

    pub(super) fn get_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        // Others may have had the place before.
        let entry = self.slab.get_mut(place(id))?;
        (entry.message.id() == Some(id)).then_some(entry)
    }

    pub(super) fn remove(&mut self, id: MessageId) -> Option<Entry> {
        self.get_mut(id)?;
        let entry = self.slab.try_remove(place(id))?;
        self.bytes -= entry.message.weight();
        Some(entry)
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
    pub(super) fn take(&mut self) -> Vec<Outbound> {
        self.bytes = 0;
        let mut messages: Vec<_> = std::mem::take(&mut self.slab)
            .into_iter()
            .map(|(_, entry)| entry.message)
            .collect();
        messages.sort_unstable_by_key(Outbound::id);
        messages
    }

    /// Gives up the memory of a burst that is over.
    pub(super) fn shrink(&mut self) {
        if self.slab.is_empty() && self.slab.capacity() > IDLE_CAPACITY {
            self.slab = Slab::new();
        }
    }
}

fn place(id: MessageId) -> usize {
    let place = id.as_bytes().last_chunk().copied().unwrap_or_default();
    u32::from_be_bytes(place) as usize
}

impl Entry {
    /// Its connection has ended: it is to be sent again now, or, if that has
    /// happened to it within `pace`, after that.
    pub(super) fn lose(&mut self, connection: u64, now: Instant, pace: Duration) -> bool {
        let Some((by, due)) = self.left else {
            return false;
        };
        if by != connection {
            return false;
        }
        let at = self.paced.map_or(now, |paced| paced.max(now));
        self.paced = Some(at + pace);
        self.left = Some((NO_CONNECTION, at.min(due)));
        true
    }
}

/// The number that no connection has.
pub(super) const NO_CONNECTION: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_used_again_is_under_another_id() {
        let mut entries = Entries::new();
        let first = entries.insert(&mut Outbound::new("first"), None);
        assert!(entries.remove(first).is_some());
        let mut message = Outbound::new("second");
        let second = entries.insert(&mut message, None);
        assert_eq!(message.id(), Some(second));
        assert_eq!(place(first), place(second));
        assert!(entries.get_mut(first).is_none());
        assert!(entries.remove(first).is_none());
        assert_eq!((entries.len(), entries.bytes()), (1, 6));
    }

    #[test]
    fn an_id_of_somebody_elses_is_nobodys() {
        let mut entries = Entries::new();
        entries.insert(&mut Outbound::new("ours"), None);
        for id in [[0; 16], [255; 16]] {
            assert!(entries.remove(MessageId::from_bytes(id)).is_none());
        }
        assert_eq!(entries.len(), 1);
    }

    #[test]
    fn the_oldest_comes_first_wherever_its_place_is() {
        let mut entries = Entries::new();
        let a = entries.insert(&mut Outbound::new("a"), None);
        let b = entries.insert(&mut Outbound::new("b"), None);
        entries.remove(a);
        let c = entries.insert(&mut Outbound::new("c"), None);
        assert!(b < c && place(c) < place(b));
        let order: Vec<_> = entries
            .take()
            .into_iter()
            .map(Outbound::into_payload)
            .collect();
        assert_eq!(order, ["b", "c"]);
        assert_eq!((entries.len(), entries.bytes()), (0, 0));
    }
}
