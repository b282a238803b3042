//! Looking into a store in a folder, also while a process writes it, and mending it while
//! none does.
//!
//! An [`Inspector`] only reads. It sees what is committed, each page of it at one moment.
//! A [`Mender`] requeues and deletes messages, and takes the lock of the store for that.
//! Both block: in a program with other tasks, call them on a thread for such work.
//!
//! ```
//! use aiomsg_spool::Spool;
//! use aiomsg_spool::inspect::{Inspector, Part};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let spool = Spool::open(folder.path()).await?;
//! spool.append("a job").await?;
//!
//! let inspector = Inspector::open(folder.path())?;
//! assert_eq!(inspector.stats()?.waiting.messages, 1);
//! for message in inspector.list(Part::Waiting, 0, 100)? {
//!     println!("{}: {} bytes", message.place, message.size);
//! }
//! # spool.close().await?;
//! # Ok(()) }
//! ```

mod mend;
mod message;
mod verify;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::{Connection, params};

use super::db::{self, signed};
use super::{row, schema};
use crate::SpoolError;
use crate::store::Usage;

pub use mend::{Mender, Step};
pub use message::{Death, Listed, Message};
pub use verify::{Problem, Verified};
pub use walk::{Found, Walk};

/// One of the two parts of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The messages that wait, or are on their way.
    Waiting,
    /// The messages that were set aside.
    Dead,
}

impl Part {
    fn table(self) -> &'static str {
        match self {
            Self::Waiting => "messages",
            Self::Dead => "dead",
        }
    }

    /// The columns that only dead letters have.
    fn death(self) -> &'static str {
        match self {
            Self::Waiting => "NULL, NULL",
            Self::Dead => "died, reason",
        }
    }
}

/// What a store says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The version of its tables.
    pub version: i64,
    /// The messages that wait, or are on their way.
    pub waiting: Usage,
    /// The messages that were set aside.
    pub dead: Usage,
    /// When the oldest message that waits came.
    pub oldest: Option<SystemTime>,
    /// The bytes on disk.
    pub disk_bytes: u64,
    /// The place that the next message gets.
    pub next_place: u64,
}

/// Reads a store, and changes nothing in it.
#[derive(Debug)]
pub struct Inspector {
    connection: Connection,
    folder: PathBuf,
}

impl Inspector {
    /// Opens the store in a folder to read. A process may write it meanwhile.
    ///
    /// # Errors
    ///
    /// [`SpoolError::Missing`] if the folder has no store, [`SpoolError::Unreadable`] if the
    /// file cannot be read, or the index of its log can be neither read nor made (as on a
    /// read-only file system); and when the file is damaged, from a later version, or no
    /// store.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, SpoolError> {
        let folder = folder.as_ref();
        is_there(folder)?;
        let connection = schema::open_to_read(folder).map_err(to_read)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self {
            connection,
            folder: folder.to_owned(),
        })
    }

    /// The folder of the store.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Tells what the store says of itself: nothing is counted for it.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn stats(&self) -> Result<Summary, SpoolError> {
        let read = || {
            let totals = db::totals(&self.connection)?;
            Ok(Summary {
                version: schema::version(&self.connection)?,
                waiting: totals.waiting,
                dead: totals.dead,
                oldest: self.oldest()?,
                disk_bytes: schema::disk_bytes(&self.folder),
                next_place: totals.next,
            })
        };
        read().map_err(|error| self.wrong(error))
    }

    /// Lists the messages behind a place, the oldest first, `most` of them. The first page
    /// is behind place 0, and the next one behind the last place of the page before.
    ///
    /// # Errors
    ///
    /// When the store cannot be read. A [walk](Inspector::walk) reads around damage.
    pub fn list(&self, part: Part, behind: u64, most: usize) -> Result<Vec<Listed>, SpoolError> {
        let listed = self.at_a_moment(|connection, headers| {
            let statement = message::list_statement(part, headers);
            let mut statement = connection.prepare_cached(&statement)?;
            let rows = statement.query_map(
                params![signed(behind), signed(most as u64)],
                message::listed,
            )?;
            rows.collect()
        });
        listed.map_err(|error| self.wrong(error))
    }

    /// The message at a place, with its part. None if no message has it: it was acknowledged,
    /// or was never there.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn message(&self, place: u64) -> Result<Option<(Part, Message)>, SpoolError> {
        for part in [Part::Waiting, Part::Dead] {
            let found = self
                .first(part, place)
                .map_err(|error| self.wrong(error))?
                .filter(|it| it.place == place);
            if let Some(message) = found {
                return Ok(Some((part, message)));
            }
        }
        Ok(None)
    }

    /// Walks through all messages of a part, the oldest first, and around what is damaged.
    /// Messages that come meanwhile are left out.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, other than by damage.
    pub fn walk(&self, part: Part) -> Result<Walk<'_>, SpoolError> {
        Walk::new(self, part)
    }

    /// Verifies the store: the structure of the file, the checksum of each message, and the
    /// totals. Each problem is reported as soon as it is found.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, other than by damage.
    pub fn verify(&self, report: &mut dyn FnMut(Problem)) -> Result<Verified, SpoolError> {
        verify::verify(self, report)
    }

    /// When the oldest message came. Nobody knows if that message is damaged.
    fn oldest(&self) -> rusqlite::Result<Option<SystemTime>> {
        let oldest: rusqlite::Result<Option<i64>> = self
            .connection
            .prepare_cached("SELECT at FROM messages ORDER BY seq LIMIT 1")
            .and_then(|mut it| it.query_map([], |row| row.get(0))?.next().transpose());
        match oldest {
            Err(error) if walk::is_damage(&error) => Ok(None),
            oldest => Ok(oldest?.map(row::from_millis)),
        }
    }

    /// The first message at a place or behind it.
    fn first(&self, part: Part, place: u64) -> rusqlite::Result<Option<Message>> {
        self.at_a_moment(|connection, headers| {
            connection
                .prepare_cached(&message::statement(part, headers, "seq >= ?"))?
                .query_map(params![signed(place), 1], message::message)?
                .next()
                .transpose()
        })
    }

    /// The last place before this one that has a message, looked for from the end.
    fn last(&self, part: Part, before: Option<u64>) -> rusqlite::Result<Option<u64>> {
        let table = part.table();
        let last: Option<i64> = self
            .connection
            .prepare_cached(&format!(
                "SELECT seq FROM {table} WHERE seq < ? ORDER BY seq DESC LIMIT 1"
            ))?
            .query_map([before.map_or(i64::MAX, signed)], |row| row.get(0))?
            .next()
            .transpose()?;
        Ok(last.map(i64::unsigned_abs))
    }

    /// Reads one moment of the store, which a process may upgrade meanwhile. The reader gets
    /// what selects the headers.
    fn at_a_moment<T>(
        &self,
        read: impl FnOnce(&Connection, &str) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let moment = self.connection.unchecked_transaction()?;
        let headers = schema::headers(&moment)?;
        read(&moment, headers)
    }

    fn wrong(&self, error: rusqlite::Error) -> SpoolError {
        to_read(SpoolError::from_sqlite(&self.folder, error))
    }
}

/// Whether a folder has a store.
fn is_there(folder: &Path) -> Result<(), SpoolError> {
    match std::fs::metadata(folder.join(schema::FILE)) {
        Ok(file) if file.is_file() => Ok(()),
        Ok(_) => Err(SpoolError::NoStore {
            path: folder.join(schema::FILE),
        }),
        Err(error) if is_absent(&error) => Err(SpoolError::Missing {
            path: folder.to_owned(),
        }),
        Err(error) => Err(SpoolError::Unreadable {
            path: folder.to_owned(),
            source: Arc::new(error),
        }),
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// The same error, of one that only reads: a log whose index cannot be made cannot be read.
fn to_read(error: SpoolError) -> SpoolError {
    match error {
        SpoolError::ReadOnly { path, source } => SpoolError::Unreadable { path, source },
        error => error,
    }
}
