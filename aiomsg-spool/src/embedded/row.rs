//! A message as a row of a table.

use std::time::{Duration, SystemTime};

use aiomsg_core::{Headers, Identity, MessageId};
use bytes::Bytes;
use rusqlite::Row;

use crate::store::{Entry, HEADERS, Stored};

/// A row whose bytes are not those that were written.
#[derive(Debug)]
pub(super) struct Damaged {
    pub(super) seq: u64,
}

/// What a row counts, as [`Weight`](aiomsg_core::Weight) of an entry does. `headers` selects its
/// headers. A damaged row may have no payload, and must not hold up the removal of others.
pub(super) fn weight(headers: &str) -> String {
    format!("coalesce(length(payload), 0) + coalesce(length({headers}), 0)")
}

/// The checksum of a message. Without headers, it is that of the first version.
pub(super) fn checksum(
    id: &[u8],
    peer: Option<&[u8]>,
    payload: &[u8],
    headers: Option<&[u8]>,
) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(id);
    let peer = peer.unwrap_or_default();
    hash.update(&(peer.len() as u64).to_le_bytes());
    hash.update(peer);
    hash.update(payload);
    if let Some(headers) = headers {
        hash.update(headers);
        hash.update(&(headers.len() as u64).to_le_bytes());
    }
    hash.finalize()
}

/// Milliseconds since 1970.
pub(super) fn to_millis(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX))
}

pub(super) fn from_millis(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis.max(0).unsigned_abs())
}

/// Reads a row of `seq, id, at, peer, tries, crc, payload, headers`, and compares its checksum.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Result<Stored, Damaged>> {
    let seq = row.get::<_, i64>(0)?.unsigned_abs();
    match read_columns(row, seq) {
        Ok(stored) => Ok(stored.ok_or(Damaged { seq })),
        // A column of another type than it was written with.
        Err(error) if error.sqlite_error().is_none() => Ok(Err(Damaged { seq })),
        Err(error) => Err(error),
    }
}

fn read_columns(row: &Row<'_>, seq: u64) -> rusqlite::Result<Option<Stored>> {
    let id = row.get_ref(1)?.as_blob()?;
    let at = row.get(2)?;
    let peer = row.get_ref(3)?.as_blob_or_null()?;
    let tries: i64 = row.get(4)?;
    let crc: i64 = row.get(5)?;
    let payload = row.get_ref(6)?.as_blob()?;
    let headers = row.get_ref(7)?.as_blob_or_null()?;
    let sum = checksum(id, peer, payload, headers);
    let headers = headers.map_or(Ok(Headers::new()), |it| {
        Headers::from_bytes(Bytes::copy_from_slice(it), HEADERS)
    });
    let id_bytes = <[u8; MessageId::LEN]>::try_from(id);
    let identity = peer.map(Identity::new).transpose();
    Ok(match (id_bytes, identity, u32::try_from(tries), headers) {
        (Ok(bytes), Ok(identity), Ok(tries), Ok(headers)) if i64::from(sum) == crc => {
            Some(Stored {
                seq,
                tries,
                entry: Entry {
                    id: MessageId::from_bytes(bytes),
                    peer: identity,
                    headers,
                    payload: Bytes::copy_from_slice(payload),
                    at: from_millis(at),
                },
            })
        }
        _ => None,
    })
}

/// The place of a row that was read.
pub(super) fn place(stored: &Result<Stored, Damaged>) -> u64 {
    match stored {
        Ok(stored) => stored.seq,
        Err(damaged) => damaged.seq,
    }
}
