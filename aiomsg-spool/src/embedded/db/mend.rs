//! What people change in a store.

use std::time::SystemTime;

use rusqlite::params;

use super::{Db, signed};
use crate::embedded::row;

impl Db {
    /// Puts a dead letter back at the end, as if it came now. Returns what it weighs, if it
    /// is there.
    pub(in crate::embedded) fn requeue(&mut self, seq: u64) -> rusqlite::Result<Option<u64>> {
        let Some(bytes) = self.weigh("dead", seq)? else {
            return Ok(None);
        };
        let place = self.next.next;
        let now = row::to_millis(SystemTime::now());
        self.connection
            .prepare_cached(
                "INSERT INTO messages SELECT ?2, id, ?3, peer, 0, crc, payload \
                 FROM dead WHERE seq = ?1",
            )?
            .execute(params![signed(seq), signed(place), now])?;
        if self.has_headers {
            // A damaged row may have any place.
            self.connection
                .prepare_cached("UPDATE OR REPLACE headers SET seq = ?2 WHERE seq = ?1")?
                .execute(params![signed(seq), signed(place)])?;
        }
        self.delete_dead(seq, bytes)?;
        self.next.next += 1;
        self.next.waiting.messages += 1;
        self.next.waiting.bytes += bytes;
        Ok(Some(bytes))
    }

    /// Deletes a dead letter. Returns what it weighed, if it was there.
    pub(in crate::embedded) fn purge_dead(&mut self, seq: u64) -> rusqlite::Result<Option<u64>> {
        let bytes = self.weigh("dead", seq)?;
        if let Some(bytes) = bytes {
            self.delete_headers(seq, seq)?;
            self.delete_dead(seq, bytes)?;
        }
        Ok(bytes)
    }

    fn delete_dead(&mut self, seq: u64, bytes: u64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached("DELETE FROM dead WHERE seq = ?")?
            .execute([signed(seq)])?;
        let dead = &mut self.next.dead;
        dead.messages = dead.messages.saturating_sub(1);
        dead.bytes = dead.bytes.saturating_sub(bytes);
        Ok(())
    }

    /// Deletes a message that waits. Returns what it weighed, if it was there.
    pub(in crate::embedded) fn purge_waiting(&mut self, seq: u64) -> rusqlite::Result<Option<u64>> {
        let bytes = self.weigh("messages", seq)?;
        if let Some(bytes) = bytes {
            self.delete(seq, seq, bytes)?;
        }
        Ok(bytes)
    }

    pub(super) fn weigh(&self, table: &str, seq: u64) -> rusqlite::Result<Option<u64>> {
        let bytes: Option<i64> = self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM {table} AS m WHERE seq = ?",
                row::weight(self.headers()),
            ))?
            .query_map([signed(seq)], |row| row.get(0))?
            .next()
            .transpose()?;
        Ok(bytes.map(i64::unsigned_abs))
    }
}
