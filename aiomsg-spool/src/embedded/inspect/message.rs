//! Messages as one who looks into a store sees them, damaged ones too.

use std::ops::Deref;
use std::time::SystemTime;

use aiomsg_core::{Headers, Identity, MessageId};
use bytes::Bytes;
use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::Part;
use crate::embedded::row::{checksum, from_millis};
use crate::store::HEADERS;

/// Up to this length a payload is read for its start: SQLite reads it whole.
const WHOLE: usize = 4096;

/// The bytes of a payload's start.
const START: usize = 64;

/// A message without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Its place among all messages of the store.
    pub place: u64,
    /// The id under which it is sent. None if it is damaged.
    pub id: Option<MessageId>,
    /// When it came.
    pub at: SystemTime,
    /// The peer: the one to which it is addressed or, in an inbox, the one from which it came.
    pub peer: Option<Identity>,
    /// How often it was tried, and failed.
    pub tries: u32,
    /// The bytes of its payload.
    pub size: u64,
    /// The first bytes of a short payload: 64 at most. None if it has more than 4,096.
    pub start: Option<Bytes>,
    /// Its headers. None are shown of a damaged message whose headers are damaged.
    pub headers: Headers,
    /// When and why it was set aside, if it was.
    pub death: Option<Death>,
}

/// When and why a message was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Death {
    /// When.
    pub at: SystemTime,
    /// Why.
    pub reason: String,
}

/// A message with its payload. It has the fields of [`Listed`], too.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// All but its payload.
    pub listed: Listed,
    /// Its payload.
    pub payload: Bytes,
    /// Whether its bytes are those that were stored, by their checksum.
    pub is_intact: bool,
}

impl Listed {
    /// The bytes of its payload and its headers, which the limits of a store count.
    pub fn weight(&self) -> u64 {
        self.size + self.headers.as_bytes().len() as u64
    }
}

impl Deref for Message {
    type Target = Listed;

    fn deref(&self) -> &Listed {
        &self.listed
    }
}

/// The statement for whole messages, with the place and the number of rows to fill in.
pub(super) fn statement(part: Part, headers: &str, condition: &str) -> String {
    format!(
        "SELECT seq, id, at, peer, tries, crc, payload, {death}, {headers} FROM {table} AS m \
         WHERE {condition} ORDER BY seq LIMIT ?",
        death = part.death(),
        table = part.table(),
    )
}

/// The statement for messages without their payloads, with the place and the number of rows
/// to fill in.
pub(super) fn list_statement(part: Part, headers: &str) -> String {
    format!(
        "SELECT seq, id, at, peer, tries, length(payload), \
         CASE WHEN length(payload) <= {WHOLE} THEN substr(payload, 1, {START}) END, {death}, \
         {headers} FROM {table} AS m WHERE seq > ? ORDER BY seq LIMIT ?",
        death = part.death(),
        table = part.table(),
    )
}

/// Reads a row of `seq, id, at, peer, tries, length, start, died, reason, headers`.
pub(super) fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let size = number(row.get_ref(5)?).unwrap_or_default().unsigned_abs();
    let start = bytes(row.get_ref(6)?).map(Bytes::copy_from_slice);
    fields(row, size, start)
}

/// Reads a row of `seq, id, at, peer, tries, crc, payload, died, reason, headers`. Values that cannot
/// be what was written count as damage.
pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let id = bytes(row.get_ref(1)?);
    let peer = row.get_ref(3)?;
    let crc = number(row.get_ref(5)?);
    let payload = bytes(row.get_ref(6)?);
    let headers = bytes(row.get_ref(9)?);
    let sum = checksum(
        id.unwrap_or_default(),
        bytes(peer),
        payload.unwrap_or_default(),
        headers,
    );
    let payload = Bytes::copy_from_slice(payload.unwrap_or_default());
    let start = payload.slice(..payload.len().min(START));
    let start = (payload.len() <= WHOLE).then_some(start);
    let listed = fields(row, payload.len() as u64, start)?;
    let has_its_peer = matches!(peer, ValueRef::Null) || listed.peer.is_some();
    let has_its_headers = headers.is_none() || !listed.headers.is_empty();
    Ok(Message {
        is_intact: crc == Some(i64::from(sum))
            && listed.id.is_some()
            && has_its_peer
            && has_its_headers,
        listed,
        payload,
    })
}

fn fields(row: &Row<'_>, size: u64, start: Option<Bytes>) -> rusqlite::Result<Listed> {
    let id = bytes(row.get_ref(1)?).and_then(|id| <[u8; MessageId::LEN]>::try_from(id).ok());
    let peer = bytes(row.get_ref(3)?).and_then(|peer| Identity::new(peer).ok());
    let tries = number(row.get_ref(4)?).unwrap_or_default();
    let headers = bytes(row.get_ref(9)?).map(Bytes::copy_from_slice);
    let headers = headers.and_then(|it| Headers::from_bytes(it, HEADERS).ok());
    let death = number(row.get_ref(7)?).map(|at| (from_millis(at), row.get_ref(8)));
    let death = death.map(|(at, reason)| {
        let reason = bytes(reason?).unwrap_or_default();
        let reason = String::from_utf8_lossy(reason).into_owned();
        Ok::<_, rusqlite::Error>(Death { at, reason })
    });
    Ok(Listed {
        place: row.get::<_, i64>(0)?.unsigned_abs(),
        id: id.map(MessageId::from_bytes),
        at: from_millis(number(row.get_ref(2)?).unwrap_or_default()),
        peer,
        tries: u32::try_from(tries).unwrap_or(u32::MAX),
        size,
        start,
        headers: headers.unwrap_or_default(),
        death: death.transpose()?,
    })
}

fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => Some(bytes),
        _ => None,
    }
}

fn number(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    }
}
