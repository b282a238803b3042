//! What a transaction changes.

use std::sync::LazyLock;
use std::time::SystemTime;

use aiomsg_core::{Identity, Weight};
use rusqlite::params;

use super::{Db, signed};
use crate::embedded::row;
use crate::store::{Entry, Usage};

/// The rows of one statement: SQLite finds the end of the table once for all of them.
const ROWS: usize = 32;

/// The most payload of one statement, which has a copy of it.
const ROWS_BYTES: usize = 1 << 20;

/// The columns of a row that are not the same in each.
const COLUMNS: usize = 6;

static ONE: LazyLock<String> = LazyLock::new(|| insert(1));
static MANY: LazyLock<String> = LazyLock::new(|| insert(ROWS));

fn insert(rows: usize) -> String {
    let rows = vec!["(?, ?, ?, ?, 0, ?, ?)"; rows];
    format!("INSERT INTO messages VALUES {}", rows.join(", "))
}

impl Db {
    /// Adds messages, and returns the place of the first. The others are behind it.
    pub(in crate::embedded) fn append(&mut self, entries: &[&Entry]) -> rusqlite::Result<u64> {
        let first = self.next.next;
        for some in entries.chunks(ROWS) {
            let bytes = some.iter().map(|it| it.payload.len()).sum::<usize>();
            match some.len() == ROWS && bytes <= ROWS_BYTES {
                true => self.append_at_once(&MANY, some)?,
                false => some
                    .chunks(1)
                    .try_for_each(|one| self.append_at_once(&ONE, one))?,
            }
        }
        Ok(first)
    }

    /// Adds as many messages as the statement has rows.
    fn append_at_once(&mut self, statement: &str, entries: &[&Entry]) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(statement)?;
        for (entry, at) in entries.iter().zip((1..).step_by(COLUMNS)) {
            let id = entry.id.as_bytes();
            let peer = entry.peer.as_ref().map(Identity::as_bytes);
            let headers = Some(&entry.headers).filter(|it| !it.is_empty());
            let headers = headers.map(|it| &it.as_bytes()[..]);
            let crc = row::checksum(id, peer, &entry.payload, headers);
            insert.raw_bind_parameter(at, signed(self.next.next))?;
            insert.raw_bind_parameter(at + 1, &id[..])?;
            insert.raw_bind_parameter(at + 2, row::to_millis(entry.at))?;
            insert.raw_bind_parameter(at + 3, peer)?;
            insert.raw_bind_parameter(at + 4, crc)?;
            insert.raw_bind_parameter(at + 5, &entry.payload[..])?;
            if let Some(headers) = headers {
                // A damaged row may have any place.
                self.connection
                    .prepare_cached("INSERT OR REPLACE INTO headers VALUES (?, ?)")?
                    .execute(params![signed(self.next.next), headers])?;
                self.has_headers = true;
            }
            self.next.next += 1;
            self.next.waiting.messages += 1;
            self.next.waiting.bytes += entry.weight() as u64;
        }
        insert.raw_execute()?;
        Ok(())
    }

    /// Deletes the messages from one place to another, both included. `bytes` is what they
    /// weigh.
    pub(in crate::embedded) fn delete(
        &mut self,
        from: u64,
        to: u64,
        bytes: u64,
    ) -> rusqlite::Result<()> {
        self.delete_headers(from, to)?;
        self.delete_rows(from, to, bytes)
    }

    /// Deletes the headers of the messages from one place to another, both included.
    pub(super) fn delete_headers(&self, from: u64, to: u64) -> rusqlite::Result<()> {
        if self.has_headers {
            self.connection
                .prepare_cached("DELETE FROM headers WHERE seq BETWEEN ? AND ?")?
                .execute(params![signed(from), signed(to)])?;
        }
        Ok(())
    }

    fn delete_rows(&mut self, from: u64, to: u64, bytes: u64) -> rusqlite::Result<()> {
        let deleted = self
            .connection
            .prepare_cached("DELETE FROM messages WHERE seq BETWEEN ? AND ?")?
            .execute(params![signed(from), signed(to)])?;
        let waiting = &mut self.next.waiting;
        waiting.messages = waiting.messages.saturating_sub(deleted as u64);
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        Ok(())
    }

    /// Counts a failed try of a message.
    pub(in crate::embedded) fn count_try(&mut self, seq: u64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE messages SET tries = tries + 1 WHERE seq = ?")?
            .execute([signed(seq)])?;
        Ok(())
    }

    /// Moves a message to the dead letters, if it is there. Its headers stay where they are,
    /// as its place does. The columns of a damaged one may hold anything.
    pub(in crate::embedded) fn set_aside(
        &mut self,
        seq: u64,
        reason: &str,
    ) -> rusqlite::Result<()> {
        let died = row::to_millis(SystemTime::now());
        let moved = self
            .connection
            .prepare_cached(
                "INSERT INTO dead \
                 SELECT seq, coalesce(CAST(id AS BLOB), x''), coalesce(CAST(at AS INTEGER), 0), \
                 CAST(peer AS BLOB), coalesce(CAST(tries AS INTEGER), 0), \
                 coalesce(CAST(crc AS INTEGER), 0), coalesce(CAST(payload AS BLOB), x''), ?2, ?3 \
                 FROM messages WHERE seq = ?1",
            )?
            .execute(params![signed(seq), died, reason])?;
        if moved == 0 {
            return Ok(());
        }
        if self.has_headers {
            self.connection
                .prepare_cached(
                    "UPDATE headers SET headers = coalesce(CAST(headers AS BLOB), x'') \
                     WHERE seq = ? AND typeof(headers) <> 'blob'",
                )?
                .execute([signed(seq)])?;
        }
        let bytes = self.weigh("dead", seq)?.unwrap_or_default();
        self.delete_rows(seq, seq, bytes)?;
        self.next.dead.messages += 1;
        self.next.dead.bytes += bytes;
        Ok(())
    }

    /// Deletes the oldest messages behind a place, until no more than `most` are left or
    /// none is. Returns how many they were, and the last place.
    pub(in crate::embedded) fn shed(
        &mut self,
        behind: u64,
        most: Usage,
    ) -> rusqlite::Result<(u64, u64)> {
        let (mut dropped, mut last) = (0, behind);
        loop {
            let left = self.next.waiting + self.next.dead;
            if left.messages <= most.messages && left.bytes <= most.bytes {
                return Ok((dropped, last));
            }
            let oldest: Option<(i64, i64)> = self
                .connection
                .prepare_cached(&format!(
                    "SELECT seq, {} FROM messages AS m WHERE seq > ? ORDER BY seq LIMIT 1",
                    row::weight(self.headers()),
                ))?
                .query_map([signed(last)], |row| Ok((row.get(0)?, row.get(1)?)))?
                .next()
                .transpose()?;
            let Some((seq, bytes)) = oldest else {
                return Ok((dropped, last));
            };
            last = seq.unsigned_abs();
            self.delete(last, last, bytes.unsigned_abs())?;
            dropped += 1;
        }
    }
}
