//! The messages that are given out.

use std::collections::{BTreeMap, VecDeque};

use crate::store::Stored;

/// The fewest empty slots that are worth a walk through the others.
const EMPTY: usize = 1024;

/// Messages by their places. Almost all come in order and go in order: those are in a row,
/// where a place is found without a search.
#[derive(Debug, Default)]
pub(super) struct Out {
    /// In order. The first slot is not empty.
    row: VecDeque<Slot>,
    /// How many slots of the row are empty.
    empty: usize,
    /// Those that came behind a later one.
    late: BTreeMap<u64, Stored>,
}

#[derive(Debug)]
struct Slot {
    seq: u64,
    stored: Option<Stored>,
}

impl Out {
    pub(super) fn len(&self) -> usize {
        self.row.len() - self.empty + self.late.len()
    }

    pub(super) fn insert(&mut self, stored: Stored) {
        let seq = stored.seq;
        if self.row.back().is_some_and(|it| it.seq >= seq) {
            self.late.insert(seq, stored);
            return;
        }
        let stored = Some(stored);
        self.row.push_back(Slot { seq, stored });
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Stored> {
        let in_row = self.slot(seq).and_then(|at| self.row.get(at));
        let in_row = in_row.and_then(|it| it.stored.as_ref());
        in_row.or_else(|| self.late.get(&seq))
    }

    pub(super) fn remove(&mut self, seq: u64) -> Option<Stored> {
        let slot = self.slot(seq).and_then(|at| self.row.get_mut(at));
        let Some(stored) = slot.and_then(|it| it.stored.take()) else {
            return self.late.remove(&seq);
        };
        self.empty += 1;
        while self.row.front().is_some_and(|it| it.stored.is_none()) {
            self.row.pop_front();
            self.empty -= 1;
        }
        if self.empty >= EMPTY && self.empty > self.row.len() / 2 {
            self.row.retain(|it| it.stored.is_some());
            self.empty = 0;
        }
        Some(stored)
    }

    /// Where a place is in the row, if it is there.
    fn slot(&self, seq: u64) -> Option<usize> {
        let first = self.row.front()?.seq;
        // Places have no gaps between them, or few.
        let guess = usize::try_from(seq.checked_sub(first)?).ok()?;
        if self.row.get(guess).is_some_and(|it| it.seq == seq) {
            return Some(guess);
        }
        self.row.binary_search_by_key(&seq, |it| it.seq).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::SystemTime;

    use aiomsg_core::{Headers, MessageId};
    use bytes::Bytes;

    use super::*;
    use crate::store::Entry;

    fn stored(seq: u64) -> Stored {
        let entry = Entry {
            id: MessageId::from_bytes([0; MessageId::LEN]),
            peer: None,
            headers: Headers::new(),
            payload: Bytes::new(),
            at: SystemTime::UNIX_EPOCH,
        };
        let tries = 0;
        Stored { seq, tries, entry }
    }

    /// Whatever the order, the same as a map.
    #[test]
    fn it_holds_what_a_map_holds() {
        let mut random = fastrand::Rng::with_seed(7);
        let (mut out, mut map) = (Out::default(), BTreeMap::new());
        let mut next = 1;
        for _ in 0..20_000 {
            if random.u8(..) < 100 {
                next += u64::from(random.u8(..) < 20);
                // Now and then one comes again that had gone.
                let again = random.u64(1..=next);
                let seq = match random.u8(..) < 30 && !map.contains_key(&again) {
                    true => again,
                    false => next,
                };
                next = next.max(seq + 1);
                out.insert(stored(seq));
                map.insert(seq, stored(seq));
            } else {
                let first = map.keys().next().copied().unwrap_or(next);
                let seq = random.u64(first..=next);
                assert_eq!(out.remove(seq), map.remove(&seq));
            }
            assert_eq!(out.len(), map.len());
            let seq = random.u64(0..=next);
            assert_eq!(out.get(seq), map.get(&seq));
        }
    }

    /// One message that stays has no more than as many slots again, and `EMPTY`.
    #[test]
    fn the_slots_of_those_that_have_gone_are_few() {
        let mut out = Out::default();
        for seq in 1..100_000 {
            out.insert(stored(seq));
            if seq > 1 {
                assert!(out.remove(seq).is_some());
            }
            assert!(out.row.len() <= 2 * EMPTY, "{}", out.row.len());
        }
        assert_eq!(out.len(), 1);
        assert!(out.get(1).is_some());
        assert!(out.remove(1).is_some());
        assert_eq!(out.row.len(), 0);
    }
}
