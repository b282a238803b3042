//! What the tests of the store share.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aiomsg_core::{Headers, Identity, MessageId};
use aiomsg_spool::store::{Answer, Entry, Fate, Settled, Store, Stored};
use aiomsg_spool::{Embedded, SyncPolicy};
use rusqlite::Connection;

const SOON: Duration = Duration::from_secs(20);

/// The room that all of these tests need.
const ROOM: u64 = 2 << 30;

/// A folder that is removed at the end, in memory where there is room for it.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let room = fs4::available_space(memory).unwrap_or(0);
    let folder = match room > ROOM {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    folder.unwrap()
}

pub(crate) fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, SyncPolicy::Os, None).unwrap()
}

/// Every fifth message has some.
fn headers(number: u64) -> Headers {
    let mut headers = Headers::new();
    if number.is_multiple_of(5) {
        headers.insert("number", &number.to_string()).unwrap();
    }
    headers
}

/// A message whose id is this number.
pub(crate) fn entry(number: u64, payload: impl Into<bytes::Bytes>) -> Entry {
    let mut id = [0; MessageId::LEN];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Entry {
        id: MessageId::from_bytes(id),
        peer: number
            .is_multiple_of(3)
            .then(|| Identity::new(number.to_string().as_bytes()).unwrap()),
        headers: headers(number),
        payload: payload.into(),
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + number),
    }
}

pub(crate) fn number(stored: &Stored) -> u64 {
    let (number, _) = stored.entry.id.as_bytes().split_first_chunk().unwrap();
    u64::from_be_bytes(*number)
}

pub(crate) fn numbers(stored: &[Stored]) -> Vec<u64> {
    stored.iter().map(number).collect()
}

/// Messages whose payload is their number.
pub(crate) fn entries(numbers: impl IntoIterator<Item = u64>) -> Vec<Entry> {
    let entries = numbers.into_iter().map(|it| entry(it, it.to_string()));
    entries.collect()
}

pub(crate) fn settled(stored: &Stored, fate: Fate) -> Vec<Settled> {
    vec![Settled {
        seq: stored.seq,
        fate,
    }]
}

pub(crate) fn all(stored: &[Stored], fate: &Fate) -> Vec<Settled> {
    let settled = stored.iter().flat_map(|it| settled(it, fate.clone()));
    settled.collect()
}

/// The answer, in time.
pub(crate) async fn soon<T>(answer: Answer<T>) -> Result<T, aiomsg_spool::SpoolError> {
    tokio::time::timeout(SOON, answer).await.unwrap()
}

pub(crate) async fn next(store: &dyn Store, most: usize) -> Vec<Stored> {
    soon(store.next(most)).await.unwrap()
}

/// All that waits, and is not given out.
pub(crate) async fn rest(store: &dyn Store) -> Vec<Stored> {
    let mut rest = Vec::new();
    loop {
        let stats = soon(store.stats()).await.unwrap();
        if stats.given_out >= stats.waiting.messages {
            return rest;
        }
        rest.extend(next(store, 100_000).await);
    }
}

/// The file of a store, as other programs see it.
pub(crate) fn file(folder: &Path) -> Connection {
    Connection::open(folder.join("spool.db")).unwrap()
}

/// Changes the bytes of the file of a store.
pub(crate) fn change(folder: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let file = folder.join(name);
    let mut bytes = std::fs::read(&file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

/// Fills the first page of a table with something else.
pub(crate) fn damage_root(folder: &Path, table: &str) {
    let root: i64 = file(folder)
        .query_row(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?",
            [table],
            |row| row.get(0),
        )
        .unwrap();
    fill(folder, usize::try_from(root).unwrap());
}

/// Fills a page with something else.
pub(crate) fn fill(folder: &Path, page: usize) {
    change(folder, "spool.db", |bytes| {
        let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
        bytes[(page - 1) * size..page * size].fill(0xa5);
    });
}

/// The places and the reasons of the dead letters.
pub(crate) fn dead(folder: &Path) -> Vec<(u64, String)> {
    let file = file(folder);
    let mut rows = file
        .prepare("SELECT seq, reason FROM dead ORDER BY seq")
        .unwrap();
    let rows = rows
        .query_map([], |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// Fails unless the totals of the file are those of its rows, and SQLite finds no fault.
pub(crate) fn check_totals(folder: &Path) {
    let file = file(folder);
    let row = |query: &str| -> Vec<i64> {
        file.query_row(query, [], |row| {
            (0..4).map(|column| row.get(column)).collect()
        })
        .unwrap()
    };
    let weight = "length(payload) + coalesce(length(headers), 0)";
    let joined = |part| format!("{part} LEFT JOIN headers USING (seq)");
    let counted = row(&format!(
        "SELECT m.n, m.b, d.n, d.b FROM \
         (SELECT count(*) AS n, coalesce(sum({weight}), 0) AS b FROM {messages}) AS m, \
         (SELECT count(*) AS n, coalesce(sum({weight}), 0) AS b FROM {dead}) AS d",
        messages = joined("messages"),
        dead = joined("dead"),
    ));
    let kept = row("SELECT messages, bytes, dead_messages, dead_bytes FROM totals");
    assert_eq!(counted, kept);
    let left: i64 = file
        .query_row(
            "SELECT count(*) FROM headers WHERE seq NOT IN \
             (SELECT seq FROM messages UNION ALL SELECT seq FROM dead)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0, "headers are left of messages that are gone");
    let verdict: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(verdict, "ok");
}
