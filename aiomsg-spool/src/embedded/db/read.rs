//! What is read.

use std::time::SystemTime;

use aiomsg_core::Weight;
use rusqlite::params;

use super::{Db, Read, signed};
use crate::SpoolError;
use crate::embedded::{row, schema};

impl Db {
    /// The messages behind a place, in order: `most` of them, and no more than
    /// `bytes`, or one message.
    pub(in crate::embedded) fn read(&self, behind: u64, most: usize, bytes: usize) -> Read {
        let mut stored = Vec::new();
        let done = self.try_read(behind, most, bytes, &mut stored);
        Read {
            stored,
            error: done.err(),
        }
    }

    fn try_read(
        &self,
        behind: u64,
        most: usize,
        bytes: usize,
        read: &mut Vec<Result<crate::store::Stored, row::Damaged>>,
    ) -> Result<(), SpoolError> {
        let wrong = |error| self.wrong(error);
        let mut statement = self
            .connection
            .prepare_cached(&format!(
                "SELECT seq, id, at, peer, tries, crc, payload, {} FROM messages AS m \
                 WHERE seq > ? ORDER BY seq LIMIT ?",
                self.headers(),
            ))
            .map_err(wrong)?;
        let mut rows = statement
            .query(params![signed(behind), signed(most as u64)])
            .map_err(wrong)?;
        let (mut last, mut weight) = (behind, 0);
        while let Some(row) = rows.next().map_err(wrong)? {
            let stored = row::read(row).map_err(wrong)?;
            let seq = row::place(&stored);
            // The places of a damaged page may be anything, and those behind one would be
            // left out.
            if seq <= last || seq >= self.totals.next {
                return Err(SpoolError::damaged(
                    &self.folder,
                    format!("message {seq} is out of its place, behind {last}"),
                ));
            }
            last = seq;
            weight += stored.as_ref().map_or(0, |it| it.entry.weight());
            read.push(stored);
            if weight >= bytes {
                break;
            }
        }
        Ok(())
    }

    /// The last one of the places behind this one that cannot be read: `most` of them are
    /// tried.
    pub(in crate::embedded) fn end_of_damage(&self, behind: u64, most: u64) -> u64 {
        let places = behind + 1..=behind.saturating_add(most);
        let mut good = places
            .clone()
            .filter(|&it| it + 1 >= self.totals.next || self.read(it, 1, 1).error.is_none());
        good.next().unwrap_or(*places.end())
    }

    /// When the oldest message came. Nobody knows if that message is damaged.
    pub(in crate::embedded) fn oldest(&self) -> Result<Option<SystemTime>, SpoolError> {
        let oldest = self
            .connection
            .prepare_cached("SELECT at FROM messages ORDER BY seq LIMIT 1")
            .and_then(|mut it| it.query_map([], |row| row.get(0))?.next().transpose());
        match oldest.map_err(|error| self.wrong(error)) {
            Ok(oldest) => Ok(oldest.map(row::from_millis)),
            Err(SpoolError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The places of the messages behind a place that came before a time, the oldest first.
    /// Stops at the first one that came later.
    pub(in crate::embedded) fn older_than(
        &self,
        behind: u64,
        time: SystemTime,
        most: usize,
    ) -> Result<Vec<u64>, SpoolError> {
        let read = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT seq, at FROM messages WHERE seq > ? ORDER BY seq LIMIT ?",
            )?;
            let mut rows = statement.query(params![signed(behind), signed(most as u64)])?;
            let mut old = Vec::new();
            while let Some(row) = rows.next()? {
                if row.get::<_, i64>(1)? >= row::to_millis(time) {
                    break;
                }
                old.push(row.get::<_, i64>(0)?.unsigned_abs());
            }
            Ok(old)
        };
        read().map_err(|error| self.wrong(error))
    }

    /// The size of the file and of its log, in bytes.
    pub(in crate::embedded) fn disk_bytes(&self) -> u64 {
        schema::disk_bytes(&self.folder)
    }
}
