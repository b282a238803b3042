//! The statements of a store. Each method is one of them, or a few in one transaction.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::row::{self, Damaged};
use super::schema;
use crate::SpoolError;
use crate::store::{Entry, Stored, Usage};

/// The database of a store, for its one writer.
#[derive(Debug)]
pub(super) struct Db {
    connection: Connection,
    folder: PathBuf,
    totals: Totals,
    /// The totals as the transaction under way leaves them.
    next: Totals,
}

/// The row of `totals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    /// The place of the next message.
    pub(super) next: u64,
    pub(super) waiting: Usage,
    pub(super) dead: Usage,
}

impl Db {
    pub(super) fn open(folder: &Path) -> Result<Self, SpoolError> {
        let connection = schema::open(folder)?;
        let totals = totals(&connection).map_err(|it| SpoolError::from_sqlite(folder, it))?;
        Ok(Self {
            connection,
            folder: folder.to_owned(),
            totals,
            next: totals,
        })
    }

    /// The totals of what is committed.
    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) fn usage(&self) -> Usage {
        self.totals.waiting + self.totals.dead
    }

    /// Runs these statements as one transaction. With `sync`, it has reached the disk when
    /// this returns, and so has all that was committed before.
    pub(super) fn commit<T>(
        &mut self,
        sync: bool,
        statements: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> Result<T, SpoolError> {
        self.next = self.totals;
        let done = self.try_commit(sync, statements);
        match done {
            Ok(value) => {
                self.totals = self.next;
                Ok(value)
            }
            Err(error) => {
                // SQLite itself has ended the transaction after some errors.
                if !self.connection.is_autocommit() {
                    let _ = self.connection.execute_batch("ROLLBACK");
                }
                Err(self.wrong(error))
            }
        }
    }

    fn try_commit<T>(
        &mut self,
        sync: bool,
        statements: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let synchronous = match sync {
            true => "PRAGMA synchronous = FULL",
            false => "PRAGMA synchronous = NORMAL",
        };
        self.run(synchronous)?;
        self.run("BEGIN IMMEDIATE")?;
        let value = statements(self)?;
        self.write_totals(sync)?;
        self.run("COMMIT")?;
        Ok(value)
    }

    fn run(&self, statement: &str) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(statement)?;
        statement.query([])?.next()?;
        Ok(())
    }

    /// A synced transaction writes something, or there would be nothing to sync.
    fn write_totals(&self, sync: bool) -> rusqlite::Result<()> {
        if self.next == self.totals && !sync {
            return Ok(());
        }
        let Totals {
            next,
            waiting,
            dead,
        } = self.next;
        self.connection
            .prepare_cached(
                "UPDATE totals SET next = ?, messages = ?, bytes = ?, dead_messages = ?, \
                 dead_bytes = ?, synced = synced + ?",
            )?
            .execute(params![
                signed(next),
                signed(waiting.messages),
                signed(waiting.bytes),
                signed(dead.messages),
                signed(dead.bytes),
                sync,
            ])?;
        Ok(())
    }

    // ===== within a transaction =====

    /// Adds a message, and returns its place.
    pub(super) fn append(&mut self, entry: &Entry) -> rusqlite::Result<u64> {
        let seq = self.next.next;
        let id = entry.id.as_bytes();
        let peer = entry.peer.as_ref().map(aiomsg_core::Identity::as_bytes);
        let crc = row::checksum(id, peer, &entry.payload);
        self.connection
            .prepare_cached("INSERT INTO messages VALUES (?, ?, ?, ?, 0, ?, ?)")?
            .execute(params![
                signed(seq),
                &id[..],
                row::to_millis(entry.at),
                peer,
                crc,
                &entry.payload[..],
            ])?;
        self.next.next += 1;
        self.next.waiting.messages += 1;
        self.next.waiting.bytes += entry.payload.len() as u64;
        Ok(seq)
    }

    /// Deletes the messages from one place to another, both included. `bytes` is what they
    /// weigh.
    pub(super) fn delete(&mut self, from: u64, to: u64, bytes: u64) -> rusqlite::Result<()> {
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
    pub(super) fn count_try(&mut self, seq: u64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("UPDATE messages SET tries = tries + 1 WHERE seq = ?")?
            .execute([signed(seq)])?;
        Ok(())
    }

    /// Moves a message to the dead letters.
    pub(super) fn set_aside(&mut self, seq: u64, reason: &str) -> rusqlite::Result<()> {
        let died = row::to_millis(SystemTime::now());
        let bytes: Option<i64> = self
            .connection
            .prepare_cached(
                "INSERT INTO dead SELECT *, ?2, ?3 FROM messages WHERE seq = ?1 \
                 RETURNING length(payload)",
            )?
            .query_map(params![signed(seq), died, reason], |row| row.get(0))?
            .next()
            .transpose()?;
        let Some(bytes) = bytes else { return Ok(()) };
        let bytes = bytes.unsigned_abs();
        self.delete(seq, seq, bytes)?;
        self.next.dead.messages += 1;
        self.next.dead.bytes += bytes;
        Ok(())
    }

    /// Deletes the oldest messages behind a place, until no more than `most` are left or
    /// none is. Returns how many they were, and the last place.
    pub(super) fn shed(&mut self, behind: u64, most: Usage) -> rusqlite::Result<(u64, u64)> {
        let (mut dropped, mut last) = (0, behind);
        loop {
            let left = self.next.waiting + self.next.dead;
            if left.messages <= most.messages && left.bytes <= most.bytes {
                return Ok((dropped, last));
            }
            let oldest: Option<(i64, i64)> = self
                .connection
                .prepare_cached(
                    "SELECT seq, length(payload) FROM messages WHERE seq > ? ORDER BY seq LIMIT 1",
                )?
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

    // ===== reading =====

    /// The messages behind a place, in order: `most` of them, and no more payload than
    /// `bytes`, or one message.
    pub(super) fn read(
        &self,
        behind: u64,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<Result<Stored, Damaged>>, SpoolError> {
        self.try_read(behind, most, bytes)
            .map_err(|error| self.wrong(error))
    }

    fn try_read(
        &self,
        behind: u64,
        most: usize,
        bytes: usize,
    ) -> rusqlite::Result<Vec<Result<Stored, Damaged>>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, id, at, peer, tries, crc, payload FROM messages \
             WHERE seq > ? ORDER BY seq LIMIT ?",
        )?;
        let mut rows = statement.query(params![signed(behind), signed(most as u64)])?;
        let (mut read, mut weight) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let stored = row::read(row)?;
            weight += stored.as_ref().map_or(0, |it| it.entry.payload.len());
            read.push(stored);
            if weight >= bytes {
                break;
            }
        }
        Ok(read)
    }

    /// When the oldest message came.
    pub(super) fn oldest(&self) -> Result<Option<SystemTime>, SpoolError> {
        let oldest = self
            .connection
            .prepare_cached("SELECT at FROM messages ORDER BY seq LIMIT 1")
            .and_then(|mut it| it.query_map([], |row| row.get(0))?.next().transpose());
        let oldest = oldest.map_err(|error| self.wrong(error))?;
        Ok(oldest.map(row::from_millis))
    }

    /// The places of the messages behind a place that came before a time, the oldest first.
    /// Stops at the first one that came later.
    pub(super) fn older_than(
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
    pub(super) fn disk_bytes(&self) -> u64 {
        let size = |name: &str| {
            let file = self.folder.join(name);
            file.metadata().map_or(0, |it| it.len())
        };
        size(schema::FILE) + size(&format!("{}-wal", schema::FILE))
    }

    /// Writes the log back into the file, and gives free pages back to the system.
    pub(super) fn tidy(&self) -> Result<(), SpoolError> {
        self.run("PRAGMA incremental_vacuum")
            .and_then(|()| self.run("PRAGMA wal_checkpoint(TRUNCATE)"))
            .map_err(|error| self.wrong(error))
    }

    fn wrong(&self, error: rusqlite::Error) -> SpoolError {
        SpoolError::from_sqlite(&self.folder, error)
    }
}

/// SQLite's integers are signed. None of ours is that large.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn totals(connection: &Connection) -> rusqlite::Result<Totals> {
    let number = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(i64::unsigned_abs);
    connection.query_row(
        "SELECT next, messages, bytes, dead_messages, dead_bytes FROM totals",
        [],
        |row| {
            Ok(Totals {
                next: number(row, 0)?,
                waiting: Usage {
                    messages: number(row, 1)?,
                    bytes: number(row, 2)?,
                },
                dead: Usage {
                    messages: number(row, 3)?,
                    bytes: number(row, 4)?,
                },
            })
        },
    )
}
