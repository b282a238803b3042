//! The store without the spool: the same rows in the same tables, by SQLite alone.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::{Outcome, SIZE};

/// A database like that of a store.
pub(crate) struct Raw {
    db: Connection,
    next: i64,
}

impl Raw {
    /// Opens one that a store has made.
    pub(crate) fn open(folder: &Path) -> Outcome<Self> {
        let db = Connection::open(folder.join("spool.db"))?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "cache_size", -16_384)?;
        db.pragma_update(None, "wal_autocheckpoint", 4096)?;
        Ok(Self { db, next: 1 })
    }

    /// Commits as many messages at once.
    pub(crate) fn commit(&mut self, count: usize) -> Outcome {
        let transaction = self.db.transaction()?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO messages VALUES (?, ?, ?, NULL, 0, ?, ?)")?;
            for _ in 0..count {
                let id = u128::from(self.next.unsigned_abs()).to_le_bytes();
                insert.execute(params![self.next, &id[..], 0, 0, &[7_u8; SIZE][..]])?;
                self.next += 1;
            }
            transaction
                .prepare_cached("UPDATE totals SET next = ?, messages = ?, bytes = ?")?
                .execute(params![
                    self.next,
                    self.next - 1,
                    (self.next - 1) * SIZE as i64
                ])?;
        }
        transaction.commit()?;
        Ok(())
    }
}
