//! Giving messages out, and setting aside what must not be.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{TICK, Writer};
use crate::SpoolError;
use crate::store::Stored;

/// The most payload that is read at once.
const READ_BYTES: usize = 4 << 20;

/// The most messages whose fate cannot be written. No more are given out then.
const UNSETTLED: usize = 65_536;

/// The most messages that are set aside for their age at once.
const AGED: usize = 1024;

/// The most places of a damaged page that are tried at once.
const DAMAGED: u64 = 16_384;

const AGE: &str = "it waited longer than a message may";
const DAMAGE: &str = "its bytes are not those that were stored";

impl Writer {
    pub(super) fn give_out(&mut self) {
        self.reads_on = false;
        while let Some((most, reply)) = self.asks.pop_front() {
            if reply.is_closed() {
                continue;
            }
            let taken = match self.take(most) {
                Ok(taken) if taken.is_empty() => {
                    self.asks.push_front((most, reply));
                    break;
                }
                taken => taken,
            };
            if let Ok(stored) = &taken {
                self.given.give(stored);
            }
            if let Err(Ok(untaken)) = reply.send(taken) {
                self.given.untaken(untaken);
            }
        }
        if !self.fates.aside.is_empty() && self.retry_at.is_none() {
            self.write_fates();
        }
    }

    /// The next messages. With none, `reads_on` says whether there may be some behind what
    /// was looked at.
    fn take(&mut self, most: usize) -> Result<Vec<Stored>, SpoolError> {
        self.usable()?;
        if self.fates.len() > UNSETTLED {
            return Ok(Vec::new());
        }
        if self.given.is_empty()
            && let Some(behind) = self.given.unread()
        {
            self.read(behind, most)?;
        }
        let oldest = self.oldest_allowed();
        let mut taken = Vec::new();
        while taken.len() < most {
            let Some(stored) = self.given.pop() else {
                break;
            };
            match oldest.is_some_and(|oldest| stored.entry.at < oldest) {
                true => self.fates.aside.push((stored.seq, AGE)),
                false => taken.push(stored),
            }
        }
        self.reads_on = taken.is_empty() && self.given.unread().is_some();
        Ok(taken)
    }

    fn read(&mut self, behind: u64, most: usize) -> Result<(), SpoolError> {
        let read = self.db.read(behind, most, READ_BYTES);
        match read.error {
            Some(SpoolError::Damaged { .. }) if !read.stored.is_empty() => {}
            Some(error @ SpoolError::Damaged { .. }) => {
                self.skip_damage(behind, &error);
                return Ok(());
            }
            Some(error) => return Err(error),
            None => {}
        }
        let all = read.stored.is_empty();
        let mut last = behind;
        let mut good = Vec::new();
        for stored in read.stored {
            match stored {
                Ok(stored) => {
                    last = stored.seq;
                    good.push(stored);
                }
                Err(damaged) => {
                    last = damaged.seq;
                    tracing::error!(message = last, "{DAMAGE}");
                    self.damaged_messages += 1;
                    self.fates.aside.push((last, DAMAGE));
                }
            }
        }
        self.given.was_read(good, last, all);
        Ok(())
    }

    /// Goes on behind a damaged part of the file. What is there stays there.
    fn skip_damage(&mut self, behind: u64, error: &SpoolError) {
        // SQLite reads the last page for any place behind it, too.
        let end = self.db.totals().next.saturating_sub(1).max(behind);
        let last = self.db.end_of_damage(behind, DAMAGED).min(end);
        let first = behind + 1;
        self.unreadable_places += last.saturating_sub(behind);
        tracing::error!(%error, first, last, "stored messages between these places cannot be read");
        self.given.was_read(Vec::new(), last, last >= end);
    }

    // ===== age =====

    /// When the oldest message came that is still given out.
    fn oldest_allowed(&self) -> Option<SystemTime> {
        SystemTime::now().checked_sub(self.max_age?)
    }

    /// Sets messages aside that nobody takes.
    pub(super) fn expire_if_due(&mut self) {
        let now = Instant::now();
        let due = self.max_age.is_some() && self.expire_at <= now;
        if !due || self.broken.is_some() {
            return;
        }
        self.expire_at = now + TICK;
        // What could not be written before is found anew.
        if let Some(oldest) = self.oldest_allowed()
            && self.fates.aside.is_empty()
        {
            self.expire(oldest);
        }
    }

    fn expire(&mut self, oldest: SystemTime) {
        let aged = self.given.remove_older(oldest);
        if aged.is_empty()
            && let Some(behind) = self.given.unread()
        {
            match self.db.older_than(behind, oldest, AGED) {
                Ok(behind) => self.set_aside(behind),
                // What is damaged is found when it is read.
                Err(SpoolError::Damaged { .. }) => {}
                Err(error) => self.failed(&error),
            }
        }
        self.set_aside(aged);
    }

    fn set_aside(&mut self, aged: Vec<u64>) {
        if aged.len() >= AGED {
            self.expire_at = Instant::now() + Duration::from_millis(1);
        }
        let aged = aged.into_iter().map(|seq| (seq, AGE));
        self.fates.aside.extend(aged);
        if self.retry_at.is_none() {
            self.write_fates();
        }
    }
}
