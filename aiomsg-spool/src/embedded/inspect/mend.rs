//! Requeueing and deleting stored messages, while no process has the store.

use std::path::Path;

use super::{Inspector, Part, is_there};
use crate::SpoolError;
use crate::embedded::db::Db;
use crate::embedded::lock::Lock;
use crate::store::Usage;

/// The most messages, and bytes of payload but for the last one, of one transaction.
const MOST: usize = 1024;
const MOST_BYTES: u64 = 16 << 20;

/// Changes a store while it has its lock.
#[derive(Debug)]
pub struct Mender {
    /// Closed before the lock is free.
    db: Db,
    inspector: Inspector,
    _lock: Lock,
}

/// What one transaction has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Step {
    /// How many places of those that were given are dealt with, from the first on.
    pub dealt: usize,
    /// The messages that were there.
    pub changed: Usage,
    /// The places, of those dealt with, that had no such message.
    pub absent: Vec<u64>,
}

impl Mender {
    /// Takes the lock of the store in a folder, and opens it to write.
    ///
    /// # Errors
    ///
    /// [`SpoolError::InUse`] if a process has the store open, [`SpoolError::Missing`] if the
    /// folder has none; and when the file cannot be written, is damaged, from a later
    /// version, or no store.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, SpoolError> {
        let folder = folder.as_ref();
        is_there(folder)?;
        // What is no store of this version is left as it is.
        let inspector = Inspector::open(folder)?;
        let lock = Lock::take(folder)?;
        Ok(Self {
            db: Db::open(folder)?,
            inspector,
            _lock: lock,
        })
    }

    /// Reads the same store.
    pub fn inspector(&self) -> &Inspector {
        &self.inspector
    }

    /// Puts dead letters back, in one transaction: as many of these places as it may have,
    /// 1,024 messages or 16 MiB. They wait at the end, as if they came now, with no tries
    /// and under their ids. Places without a dead letter are passed over.
    ///
    /// # Errors
    ///
    /// When the store cannot be written, and [`SpoolError::Damaged`] with the place of a dead
    /// letter whose columns are not what was written: it cannot wait again, and can be
    /// deleted. Nothing is changed by this call then.
    pub fn requeue(&mut self, places: &[u64]) -> Result<Step, SpoolError> {
        self.step(places, Db::requeue)
    }

    /// Deletes messages, in one transaction: as many of these places as it may have, as for
    /// [`requeue`](Mender::requeue). Places without a message of this part are passed over.
    ///
    /// # Errors
    ///
    /// When the store cannot be written. Nothing is changed by this call then.
    pub fn purge(&mut self, part: Part, places: &[u64]) -> Result<Step, SpoolError> {
        match part {
            Part::Waiting => self.step(places, Db::purge_waiting),
            Part::Dead => self.step(places, Db::purge_dead),
        }
    }

    /// Gives all free room in the file back to the system, and the store to other processes.
    /// The more of it there is, the longer this takes.
    ///
    /// # Errors
    ///
    /// When the store cannot be written.
    pub fn close(self) -> Result<(), SpoolError> {
        // A reader would hold up the log.
        drop(self.inspector);
        self.db.tidy(None)
    }

    fn step(
        &mut self,
        places: &[u64],
        change: impl Fn(&mut Db, u64) -> rusqlite::Result<Option<u64>>,
    ) -> Result<Step, SpoolError> {
        let mut at = None;
        let step = self.db.commit(true, |db| {
            let mut step = Step::default();
            for &place in places.iter().take(MOST) {
                if step.changed.bytes >= MOST_BYTES {
                    break;
                }
                at = Some(place);
                match change(db, place)? {
                    Some(bytes) => {
                        step.changed.messages += 1;
                        step.changed.bytes += bytes;
                    }
                    None => step.absent.push(place),
                }
                step.dealt += 1;
            }
            at = None;
            Ok(step)
        });
        let step = step.map_err(|error| match (error, at) {
            (SpoolError::Damaged { path, source }, Some(place)) if is_of_the_row(&*source) => {
                SpoolError::damaged(&path, format!("the message at place {place}: {source}"))
            }
            (error, _) => error,
        })?;
        self.db.write_back_if_long()?;
        Ok(step)
    }
}

/// Whether a row has a column that its table may not hold. Other damage may be anywhere, as on
/// the page that the row is to be put on.
fn is_of_the_row(source: &(dyn std::error::Error + 'static)) -> bool {
    use rusqlite::ffi::{SQLITE_CONSTRAINT_DATATYPE, SQLITE_CONSTRAINT_NOTNULL};
    match source.downcast_ref::<rusqlite::Error>() {
        // It has no length.
        Some(rusqlite::Error::InvalidColumnType(..)) => true,
        Some(error) => error.sqlite_error().is_some_and(|it| {
            [SQLITE_CONSTRAINT_DATATYPE, SQLITE_CONSTRAINT_NOTNULL].contains(&it.extended_code)
        }),
        None => false,
    }
}
