//! The tables of a store, and opening them.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::SpoolError;

/// The name of the database in the folder of a store.
pub(crate) const FILE: &str = "spool.db";

/// What marks a database as a store: "aims", in the header of the file.
const APPLICATION: i64 = 0x6169_6d73;

/// The version of the tables.
pub(super) const VERSION: i64 = 2;

/// Tables that people can read with any SQLite: times are milliseconds since 1970, `crc`
/// is the checksum of id, peer, payload and headers.
const TABLES: &str = "
    CREATE TABLE messages (
        seq     INTEGER PRIMARY KEY,
        id      BLOB    NOT NULL,
        at      INTEGER NOT NULL,
        peer    BLOB,
        tries   INTEGER NOT NULL,
        crc     INTEGER NOT NULL,
        payload BLOB    NOT NULL
    ) STRICT;
    CREATE TABLE dead (
        seq     INTEGER PRIMARY KEY,
        id      BLOB    NOT NULL,
        at      INTEGER NOT NULL,
        peer    BLOB,
        tries   INTEGER NOT NULL,
        crc     INTEGER NOT NULL,
        payload BLOB    NOT NULL,
        died    INTEGER NOT NULL,
        reason  TEXT    NOT NULL
    ) STRICT;
    CREATE TABLE totals (
        row           INTEGER PRIMARY KEY CHECK (row = 1),
        next          INTEGER NOT NULL,
        messages      INTEGER NOT NULL,
        bytes         INTEGER NOT NULL,
        dead_messages INTEGER NOT NULL,
        dead_bytes    INTEGER NOT NULL,
        synced        INTEGER NOT NULL
    ) STRICT;
    INSERT INTO totals VALUES (1, 1, 0, 0, 0, 0, 0);
";

/// What the second version added to the first: the headers of messages that have some, of
/// both parts, by their places. They have a table of their own because a column more in the
/// other tables would have SQLite read those whole, and refuse them for one damaged row.
const HEADERS_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS headers (
        seq     INTEGER PRIMARY KEY,
        headers BLOB    NOT NULL
    ) STRICT;
";

/// What selects the headers of the message `m`, of either part.
pub(super) const HEADERS: &str = "(SELECT h.headers FROM headers AS h WHERE h.seq = m.seq)";

/// The same where no message has any.
pub(super) const NO_HEADERS: &str = "NULL";

/// How long a reader waits for a lock, and a writer for a reader that cleans up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Opens the database of a store to write, and makes it if there is none.
pub(super) fn open(folder: &Path) -> Result<Connection, SpoolError> {
    let file = folder.join(FILE);
    let wrong = |error: rusqlite::Error| SpoolError::from_sqlite(folder, error);
    let mut db = Connection::open_with_flags(
        &file,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(wrong)?;
    db.busy_timeout(PATIENCE).map_err(wrong)?;
    let is_new = is_empty(&db).map_err(wrong)?;
    if is_new {
        // The size of a page cannot be changed once there is one.
        db.pragma_update(None, "page_size", 8192).map_err(wrong)?;
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")
            .map_err(wrong)?;
    }
    let version = match is_new {
        true => VERSION,
        false => check(&db, folder)?,
    };
    db.pragma_update(None, "journal_mode", "WAL")
        .map_err(wrong)?;
    // 16 MiB of pages in memory.
    db.pragma_update(None, "cache_size", -16_384)
        .map_err(wrong)?;
    db.pragma_update(None, "journal_size_limit", 64 << 20)
        .map_err(wrong)?;
    if is_new {
        db.pragma_update(None, "synchronous", "FULL")
            .map_err(wrong)?;
        let tables = db.transaction().map_err(wrong)?;
        tables.execute_batch(TABLES).map_err(wrong)?;
        tables.execute_batch(HEADERS_TABLE).map_err(wrong)?;
        tables
            .pragma_update(None, "application_id", APPLICATION)
            .map_err(wrong)?;
        tables
            .pragma_update(None, "user_version", VERSION)
            .map_err(wrong)?;
        tables.commit().map_err(wrong)?;
    }
    if version < VERSION {
        db.pragma_update(None, "synchronous", "FULL")
            .map_err(wrong)?;
        upgrade(&mut db).map_err(wrong)?;
    }
    db.set_prepared_statement_cache_capacity(32);
    Ok(db)
}

/// From the first version to the second, in one transaction. No message is read.
fn upgrade(db: &mut Connection) -> rusqlite::Result<()> {
    let tables = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tables.execute_batch(HEADERS_TABLE)?;
    tables.pragma_update(None, "user_version", VERSION)?;
    tables.commit()
}

/// Opens the database of a store to read, also while a process writes it.
pub(super) fn open_to_read(folder: &Path) -> Result<Connection, SpoolError> {
    let file = folder.join(FILE);
    let wrong = |error: rusqlite::Error| SpoolError::from_sqlite(folder, error);
    let db = Connection::open_with_flags(
        &file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(wrong)?;
    db.busy_timeout(PATIENCE).map_err(wrong)?;
    check(&db, folder)?;
    Ok(db)
}

/// The size of the file and of its log, in bytes.
pub(super) fn disk_bytes(folder: &Path) -> u64 {
    let size = |name: &str| folder.join(name).metadata().map_or(0, |it| it.len());
    size(FILE) + size(&format!("{FILE}-wal"))
}

/// The version of a store that is known here.
fn check(db: &Connection, folder: &Path) -> Result<i64, SpoolError> {
    let wrong = |error: rusqlite::Error| SpoolError::from_sqlite(folder, error);
    let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    if number("application_id").map_err(wrong)? != APPLICATION {
        return Err(SpoolError::NoStore {
            path: folder.join(FILE),
        });
    }
    let found = version(db).map_err(wrong)?;
    if found > VERSION {
        return Err(SpoolError::Newer {
            path: folder.to_owned(),
            found,
            known: VERSION,
        });
    }
    Ok(found)
}

pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// What selects the headers of the message `m`: a store of the first version has none.
pub(super) fn headers(db: &Connection) -> rusqlite::Result<&'static str> {
    Ok(match version(db)? {
        ..2 => NO_HEADERS,
        _ => HEADERS,
    })
}

/// Whether the database is nobody's yet.
fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let number = |pragma| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    Ok(tables == 0 && number("application_id")? == 0 && number("user_version")? == 0)
}
