//! Giving messages out, in order, each one once.

mod out;

use std::collections::VecDeque;
use std::time::SystemTime;

use aiomsg_core::Weight;

use crate::store::{Entry, Fate, Settled, Stored};
use out::Out;

/// The most messages, and bytes of payloads and headers, that are kept in memory on their way from
/// `append` to `next`: four commits of a busy proxy. Beyond that they are read from the file,
/// which takes longer than to store them did.
const MOST: usize = 65_536;
const MOST_BYTES: usize = 16 << 20;

/// Which messages are given out, and which comes next.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The messages that are given out.
    out: Out,
    /// Those that are to be given out once more.
    again: VecDeque<Stored>,
    /// Those that have come, and are not yet given out.
    fresh: VecDeque<Stored>,
    fresh_bytes: usize,
    /// The place of the last one of all these.
    last: u64,
    /// Whether there are messages behind that place, in the file only.
    more: bool,
}

impl Given {
    /// Nothing is given out of a store that holds messages.
    pub(super) fn new(holds_messages: bool) -> Self {
        Self {
            more: holds_messages,
            ..Self::default()
        }
    }

    /// How many messages are given out.
    pub(super) fn count(&self) -> usize {
        self.out.len() + self.again.len()
    }

    /// The place behind which messages are in the file only, if there may be some.
    pub(super) fn unread(&self) -> Option<u64> {
        self.more.then_some(self.last)
    }

    /// The place behind which no message has been given out.
    pub(super) fn given_up_to(&self) -> u64 {
        let fresh = self.fresh.front().map(|it| it.seq.saturating_sub(1));
        fresh.unwrap_or(self.last)
    }

    /// Notes a message that was stored.
    pub(super) fn came(&mut self, seq: u64, entry: Entry) {
        if self.more || self.fresh.len() >= MOST || self.fresh_bytes >= MOST_BYTES {
            self.more = true;
            return;
        }
        self.last = seq;
        self.fresh_bytes += entry.weight();
        self.fresh.push_back(Stored {
            seq,
            tries: 0,
            entry,
        });
    }

    /// Notes what was read behind the last place, and whether that was all there is.
    pub(super) fn was_read(&mut self, stored: Vec<Stored>, last: u64, all: bool) {
        self.last = self.last.max(last);
        self.more = !all;
        self.fresh_bytes += stored.iter().map(|it| it.entry.weight()).sum::<usize>();
        self.fresh.extend(stored);
    }

    /// Forgets messages that were dropped from the file, up to this place.
    pub(super) fn was_shed(&mut self, last: u64) {
        while self.fresh.front().is_some_and(|it| it.seq <= last) {
            self.pop_fresh();
        }
        self.last = self.last.max(last);
    }

    /// Whether none is at hand.
    pub(super) fn is_empty(&self) -> bool {
        self.again.is_empty() && self.fresh.is_empty()
    }

    /// The next message at hand.
    pub(super) fn pop(&mut self) -> Option<Stored> {
        self.again.pop_front().or_else(|| self.pop_fresh())
    }

    fn pop_fresh(&mut self) -> Option<Stored> {
        let stored = self.fresh.pop_front()?;
        self.fresh_bytes -= stored.entry.weight();
        Some(stored)
    }

    /// Removes the messages at hand that came before a time, and returns their places.
    /// Stops at the first one that came later, as those that come are in order.
    pub(super) fn remove_older(&mut self, time: SystemTime) -> Vec<u64> {
        let is_older = |it: &Stored| it.entry.at < time;
        let again = self.again.iter().filter(|it| is_older(it));
        let mut removed: Vec<u64> = again.map(|it| it.seq).collect();
        self.again.retain(|it| !is_older(it));
        while self.fresh.front().is_some_and(is_older)
            && let Some(stored) = self.pop_fresh()
        {
            removed.push(stored.seq);
        }
        removed
    }

    /// Notes that messages are given out.
    pub(super) fn give(&mut self, stored: &[Stored]) {
        for stored in stored {
            self.out.insert(stored.clone());
        }
    }

    /// Notes that messages were not taken. They are the next ones, in their order.
    pub(super) fn untaken(&mut self, stored: Vec<Stored>) {
        for stored in stored {
            self.out.remove(stored.seq);
            let behind = self.again.iter().position(|it| it.seq > stored.seq);
            let at = behind.unwrap_or(self.again.len());
            self.again.insert(at, stored);
        }
    }

    /// A message that is given out.
    pub(super) fn get(&self, seq: u64) -> Option<&Stored> {
        self.out.get(seq)
    }

    /// Notes what became of a message, as the file has it.
    pub(super) fn settle(&mut self, settled: &Settled) {
        let Some(mut stored) = self.out.remove(settled.seq) else {
            return;
        };
        match settled.fate {
            Fate::Done | Fate::Dead(_) => {}
            Fate::Failed => {
                stored.tries = stored.tries.saturating_add(1);
                self.again.push_back(stored);
            }
            Fate::Returned => self.again.push_back(stored),
        }
    }
}
