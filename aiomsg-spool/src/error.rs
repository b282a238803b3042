//! Errors of spools and their stores.

use std::path::PathBuf;
use std::sync::Arc;

use aiomsg_core::{Error, ErrorKind};

/// What caused an error. Many callers of one commit hear of it.
type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// An error of a spool or of its store.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Another process has the store open.
    #[error("the store {} is in use by {owner}", path.display())]
    InUse {
        /// The folder of the store.
        path: PathBuf,
        /// The name and the process id of the one that has it.
        owner: String,
    },
    /// The store was written by a later version.
    #[error("the store {} has version {found}, and this program reads up to version {known}", path.display())]
    Newer {
        /// The folder of the store.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The last version that is known here.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("the file {} is no store of messages", path.display())]
    NoStore {
        /// The file.
        path: PathBuf,
    },
    /// There is no store in the folder.
    #[error("there is no store of messages in {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The file of the store, or the index of its log, cannot be opened to read.
    #[error("the store {} cannot be read", path.display())]
    Unreadable {
        /// The folder of the store.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// There is no room on the disk.
    #[error("there is no room on the disk for the store {}", path.display())]
    DiskFull {
        /// The folder of the store.
        path: PathBuf,
    },
    /// The disk or the file cannot be written.
    #[error("the store {} cannot be written", path.display())]
    ReadOnly {
        /// The folder of the store.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// The store's file is damaged.
    #[error("the store {} is damaged", path.display())]
    Damaged {
        /// The folder of the store.
        path: PathBuf,
        /// What was found.
        #[source]
        source: Cause,
    },
    /// Reading or writing failed.
    #[error("the store {} failed", path.display())]
    Io {
        /// The folder of the store.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// The server of the store failed, or cannot be reached.
    #[error("the server {server} failed")]
    Server {
        /// The address of the server.
        server: String,
        /// What it said.
        #[source]
        source: Cause,
    },
    /// The store has reached its limit, and the overflow rule refuses more.
    #[error("the store has reached its limit of {limit}")]
    Full {
        /// The limit, in words.
        limit: String,
    },
    /// A message has headers that cannot be sent.
    #[error("{reason}")]
    Headers {
        /// Which header, and why.
        reason: String,
    },
    /// The spool is closed.
    #[error("the spool is closed")]
    Closed,
    /// Something takes the messages of this store already.
    #[error("the messages of this store are taken already")]
    Taken,
}

impl SpoolError {
    /// Whether the store is full, by its limit or by that of its disk.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::DiskFull { .. })
    }

    /// Whether it may work later, without opening the spool anew: there was no room, or the
    /// server of the store could not be reached.
    pub fn is_temporary(&self) -> bool {
        self.is_full() || matches!(self, Self::Server { .. })
    }

    /// Whether the spool is closed.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

/// The kind is [`ErrorKind::Limit`] if the store is full, [`ErrorKind::Config`] for headers
/// that cannot be sent, [`ErrorKind::Closed`] if the spool is closed, and [`ErrorKind::Io`] otherwise. The error itself is the source.
impl From<SpoolError> for Error {
    fn from(error: SpoolError) -> Self {
        let kind = match &error {
            error if error.is_full() => ErrorKind::Limit,
            SpoolError::Headers { .. } => ErrorKind::Config,
            SpoolError::Closed => ErrorKind::Closed,
            _ => ErrorKind::Io,
        };
        Error::new(kind).with_source(error)
    }
}

impl SpoolError {
    /// The error of the system, at the store in this folder.
    pub(crate) fn from_io(folder: &std::path::Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let path = folder.to_owned();
        match source.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::DiskFull { path },
            Kind::ReadOnlyFilesystem | Kind::PermissionDenied => Self::ReadOnly {
                path,
                source: Arc::new(source),
            },
            _ => Self::Io {
                path,
                source: Arc::new(source),
            },
        }
    }

    /// Damage that SQLite does not see, in the store in this folder.
    pub(crate) fn damaged(folder: &std::path::Path, found: String) -> Self {
        Self::Damaged {
            path: folder.to_owned(),
            source: Arc::new(std::io::Error::new(std::io::ErrorKind::InvalidData, found)),
        }
    }

    /// The error of SQLite, at the store in this folder.
    pub(crate) fn from_sqlite(folder: &std::path::Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let path = folder.to_owned();
        match source.sqlite_error_code() {
            Some(Code::DiskFull) => Self::DiskFull { path },
            Some(Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen) => Self::ReadOnly {
                path,
                source: Arc::new(source),
            },
            // No row that was written breaks a constraint with one that was written.
            Some(Code::DatabaseCorrupt | Code::Unknown | Code::ConstraintViolation) => {
                Self::Damaged {
                    path,
                    source: Arc::new(source),
                }
            }
            // The index of its log is a file that grows, and SQLite has no other word for it.
            _ if is_without_room(&source) => Self::DiskFull { path },
            // A row that is not there, or a column of another type than it was written with.
            None if is_of_content(&source) => Self::Damaged {
                path,
                source: Arc::new(source),
            },
            Some(Code::NotADatabase) => Self::NoStore {
                path: folder.join(crate::embedded::FILE),
            },
            _ => Self::Io {
                path,
                source: Arc::new(source),
            },
        }
    }
}

fn is_without_room(source: &rusqlite::Error) -> bool {
    let code = source.sqlite_error().map(|it| it.extended_code);
    code == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Whether a row, the value of a column, or the name of one is not what was written.
pub(crate) fn is_of_content(source: &rusqlite::Error) -> bool {
    matches!(
        source,
        rusqlite::Error::QueryReturnedNoRows
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::SqlInputError { .. }
    )
}
