//! The database of a store, for its one writer. Each method is one statement, or a few in
//! one transaction.

mod change;
mod mend;
mod read;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use tokio::time::Instant;

use super::row::Damaged;
use super::schema;
use crate::SpoolError;
use crate::store::{Stored, Usage};

/// The pages of the log after which it is written back into the file: 32 MiB.
const LONG: i32 = 4096;

/// Gives 8 MiB of free pages back.
const VACUUM: &str = "PRAGMA incremental_vacuum(1024)";

thread_local! {
    /// The pages of the log after the last commit of this thread, which has one database.
    static LOG: Cell<i32> = const { Cell::new(0) };
}

/// The database of a store.
#[derive(Debug)]
pub(super) struct Db {
    connection: Connection,
    folder: PathBuf,
    totals: Totals,
    /// The totals as the transaction under way leaves them.
    next: Totals,
    /// Whether messages may have headers. Without any, their table costs nothing.
    has_headers: bool,
    /// Whether commits reach the disk before they return, once that was set.
    synced: Option<bool>,
}

/// The row of `totals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Totals {
    /// The place of the next message.
    pub(super) next: u64,
    pub(super) waiting: Usage,
    pub(super) dead: Usage,
}

/// Messages that were read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) stored: Vec<Result<Stored, Damaged>>,
    /// Why no more were read.
    pub(super) error: Option<SpoolError>,
}

impl Db {
    pub(super) fn open(folder: &Path) -> Result<Self, SpoolError> {
        let connection = schema::open(folder)?;
        // SQLite would write the log back within a commit, and keep an error to itself.
        connection.wal_hook(Some(|_, pages| {
            LOG.set(pages);
            Ok(())
        }));
        let wrong = |error| SpoolError::from_sqlite(folder, error);
        let totals = totals(&connection).map_err(wrong)?;
        let has_headers = match has_headers(&connection).map_err(wrong) {
            // Damage is found when they are read.
            Err(SpoolError::Damaged { .. }) => true,
            found => found?,
        };
        Ok(Self {
            connection,
            folder: folder.to_owned(),
            totals,
            next: totals,
            has_headers,
            synced: None,
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
        self.set_synced(sync)?;
        self.run("BEGIN IMMEDIATE")?;
        let value = statements(self)?;
        self.write_totals(sync)?;
        self.run("COMMIT")?;
        Ok(value)
    }

    /// Sets whether commits reach the disk. SQLite compiles this statement anew each time.
    fn set_synced(&mut self, sync: bool) -> rusqlite::Result<()> {
        if self.synced != Some(sync) {
            self.synced = None;
            self.run(match sync {
                true => "PRAGMA synchronous = FULL",
                false => "PRAGMA synchronous = NORMAL",
            })?;
            self.synced = Some(sync);
        }
        Ok(())
    }

    fn run(&self, statement: &str) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(statement)?;
        let mut rows = statement.query([])?;
        // Some go on with each row.
        while rows.next()?.is_some() {}
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

    /// Writes the log back into the file, if it is long.
    pub(super) fn write_back_if_long(&self) -> Result<(), SpoolError> {
        match LOG.get() >= LONG {
            true => self.write_back(),
            false => Ok(()),
        }
    }

    /// Writes the log back into the file. The next commit begins it anew, unless a reader
    /// still needs it.
    pub(super) fn write_back(&self) -> Result<(), SpoolError> {
        let done = self.run("PRAGMA wal_checkpoint(PASSIVE)");
        done.map_err(|error| self.wrong(error))?;
        LOG.set(0);
        Ok(())
    }

    /// Gives free pages back to the system, in this time or all of them, writes the log back
    /// and empties it. Messages that come later fill the pages that are left.
    pub(super) fn tidy(&self, within: Option<Duration>) -> Result<(), SpoolError> {
        let wrong = |error| self.wrong(error);
        let end = within.map(|it| Instant::now() + it);
        let mut free = self.free_pages().map_err(wrong)?;
        while free > 0 && end.is_none_or(|end| Instant::now() < end) {
            self.run(VACUUM).map_err(wrong)?;
            self.write_back_if_long()?;
            let left = self.free_pages().map_err(wrong)?;
            // A file that another program has rewritten may keep them.
            if left >= free {
                break;
            }
            free = left;
        }
        self.run("PRAGMA wal_checkpoint(TRUNCATE)").map_err(wrong)
    }

    fn free_pages(&self) -> rusqlite::Result<i64> {
        let pragma = "PRAGMA freelist_count";
        self.connection.query_row(pragma, [], |row| row.get(0))
    }

    /// Leaves the log as it is when the database is closed: the next one to open it reads
    /// what the disk has, and compares its checksums.
    pub(super) fn leave_log(&self) {
        let config = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        let _ = self.connection.set_db_config(config, true);
    }

    /// What selects the headers of the message `m`.
    fn headers(&self) -> &'static str {
        match self.has_headers {
            true => schema::HEADERS,
            false => schema::NO_HEADERS,
        }
    }

    fn wrong(&self, error: rusqlite::Error) -> SpoolError {
        SpoolError::from_sqlite(&self.folder, error)
    }
}

/// SQLite's integers are signed. None of ours is that large.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn has_headers(connection: &Connection) -> rusqlite::Result<bool> {
    let statement = "SELECT EXISTS (SELECT 1 FROM headers)";
    connection.query_row(statement, [], |row| row.get(0))
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
